package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A Progress shows how far a long command is: on a terminal a bar with rate and
// time left, elsewhere nothing. The nil Progress shows nothing.
type Progress struct {
	bar *progressbar.ProgressBar
}

// NewProgress begins to show progress on w, when w is a terminal and quiet is
// not set. total is in bytes; 0 or less when it is not known yet.
func NewProgress(w io.Writer, what string, total int64, quiet bool) *Progress {
	f, ok := w.(*os.File)
	if quiet || !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	if total <= 0 {
		total = -1
	}
	return &Progress{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(fmt.Sprintf("%-10s", what)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)}
}

// Set shows that done of total bytes are done; total as in [NewProgress].
func (p *Progress) Set(done, total int64) {
	if p == nil {
		return
	}
	if total > 0 && total != p.bar.GetMax64() {
		p.bar.ChangeMax64(total)
	}
	_ = p.bar.Set64(done) // drawing is not worth an error
}

// Close takes the bar off the screen.
func (p *Progress) Close() {
	if p != nil {
		_ = p.bar.Finish()
	}
}
