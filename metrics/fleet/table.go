package fleet

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"cobox/appliance/health"

	"github.com/dustin/go-humanize"
)

// A Mood is how a box is, in one word.
type Mood string

// The moods, the best first.
const (
	Fine    Mood = "fine"
	Waiting Mood = "..." // it was not looked for yet
	Soon    Mood = "warning"
	Broken  Mood = "FAILED"
	Silent  Mood = "SILENT"
)

var moods = [...]Mood{Fine, Waiting, Soon, Broken, Silent}

// Mood returns how the box is.
func (s Sight) Mood() Mood {
	switch {
	case !s.Tried:
		return Waiting
	case !s.Up:
		return Silent
	case s.Health.State == health.Failed:
		return Broken
	case s.Health.State == health.Warning:
		return Soon
	}
	return Fine
}

func (s Sight) rank() int {
	for i, m := range moods {
		if m == s.Mood() {
			return i
		}
	}
	return len(moods)
}

// Advice says what to do, in one line; "" when nothing is.
func (s Sight) Advice() string {
	switch s.Mood() {
	case Silent:
		return "it does not answer: has it power, and a network? (" + s.Error + ")"
	case Soon, Broken:
		trouble := s.Health.Trouble()
		if len(trouble) == 0 {
			return "" // a report that contradicts itself
		}
		text := trouble[0].Title.EN + ": " + trouble[0].Text.EN
		if more := len(trouble) - 1; more > 0 {
			text = fmt.Sprintf("%s (and %d more: coboxctl status %s)", text, more, s.Box.Name)
		}
		return text
	}
	return ""
}

// WriteTable writes a line for each box, in the order given: how it is, and what to
// do.
func WriteTable(w io.Writer, sights []Sight, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BOX\tTAG\tSTATE\tSEEN\tWHAT TO DO")
	for _, s := range sights {
		seen := "never"
		if !s.Seen.IsZero() {
			seen = humanize.RelTime(s.Seen, now, "ago", "ahead")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", clean(s.Box.Name), clean(s.Box.Tag), s.Mood(), seen, s.Advice())
	}
	_ = t.Flush() // errors of w show at the caller's next write
}
