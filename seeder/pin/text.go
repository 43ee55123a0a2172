package pin

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cobox/seeder/feed"
)

// feedText is a feed key in JSON: z-base-32, the form in which people see it.
type feedText feed.Key

func (f feedText) MarshalText() ([]byte, error) { return []byte(feed.Key(f).String()), nil }

func (f *feedText) UnmarshalText(text []byte) error {
	key, err := feed.ParseKey(string(text))
	*f = feedText(key)
	return err
}

// seconds is a time in JSON: RFC 3339, UTC, whole seconds.
type seconds struct{ time.Time }

const secondsForm = "2006-01-02T15:04:05Z"

func inSeconds(t time.Time) seconds {
	if t.IsZero() {
		return seconds{}
	}
	return seconds{t.UTC().Truncate(time.Second)}
}

func (s seconds) MarshalJSON() ([]byte, error) {
	if y := s.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("a time in the year %d", y)
	}
	return s.AppendFormat(nil, `"`+secondsForm+`"`), nil
}

func (s *seconds) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	t, err := time.Parse(secondsForm, text)
	if err != nil {
		return fmt.Errorf("time %.32q is not like %s", text, secondsForm)
	}
	s.Time = t
	return nil
}

// size writes a number of bytes for a person.
func size(n uint64) string {
	if n < 1000 {
		return count(n, "byte")
	}
	value, unit := float64(n), 0
	for value >= 999.95 && unit < 6 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, " kMGTPE"[unit])
}

// count writes a number of things for a person.
func count(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// sentence makes an error's text one: with a capital and a full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
