package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// TidyCmdline takes out of the command line on the card what gokrazy has left there
// of an update. It adds a word for each and removes none; after some dozen updates the
// words would fill the file, and no update could be tried any more. It does nothing
// while a trial may still need them.
func TidyCmdline(trial bool) error {
	now, err := kernelCmdline()
	if err != nil || trial || !leftover.MatchString(string(now)) {
		return err
	}
	return withBootVolume(func(dir string) (err error) {
		f, err := os.OpenFile(filepath.Join(dir, "cmdline.txt"), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		text, err := io.ReadAll(io.LimitReader(f, maxCmdline+1))
		if err != nil {
			return err
		}
		tidied, err := tidy(text)
		if err != nil || bytes.Equal(tidied, text) {
			return err
		}
		// In place, and not longer: the file lies in one piece, where gokrazy looks for it.
		if _, err := f.WriteAt(tidied, 0); err != nil {
			return fmt.Errorf("writing it: %w", err)
		}
		return f.Sync()
	})
}
