package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Days is a flag for a time of days ("30d") or of hours and less ("36h", "90m").
type Days time.Duration

// String returns the time as [Days.Set] reads it.
func (d *Days) String() string { return FormatDays(time.Duration(*d)) }

// Set reads a time that is not negative.
func (d *Days) Set(text string) error {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not a time such as 30d or 36h", text)
		}
		*d = Days(time.Duration(days) * 24 * time.Hour)
		return nil
	}
	t, err := time.ParseDuration(text)
	if err != nil || t < 0 {
		return fmt.Errorf("%q is not a time such as 30d or 36h", text)
	}
	*d = Days(t)
	return nil
}

// FormatDays returns a time in days where it is some, else as Go writes it.
func FormatDays(t time.Duration) string {
	const day = 24 * time.Hour
	if t > 0 && t%day == 0 {
		return fmt.Sprintf("%dd", t/day)
	}
	return t.String()
}

// Day is a flag for a day ("2027-12-31"), whose value is its last second, local time.
type Day struct{ time.Time }

// String returns the day, or "" for none.
func (d *Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// Set reads a day.
func (d *Day) Set(text string) error {
	day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return fmt.Errorf("%q is not a day such as 2027-12-31", text)
	}
	d.Time = day.AddDate(0, 0, 1).Add(-time.Second)
	return nil
}

// FormatAgo says a time that is past for people: "3 minutes ago"; "never" for the
// zero time.
func FormatAgo(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return humanize.Time(t)
}
