package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxNumber is the largest number in a body, 2^53-1: JavaScript reads no larger
// one exactly, and a third party may well read our receipts with it.
const maxNumber = 1<<53 - 1

// maxDepth bounds how deep objects and arrays nest in a body.
const maxDepth = 8

// checkObject tells whether text is one JSON object, with no key twice in any
// object: readers differ in which of the two they take.
func checkObject(text []byte) error {
	if !json.Valid(text) {
		return errors.New("not JSON")
	}
	if text[0] != '{' {
		return errors.New("not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // a number of any size is well-formed here
	return checkKeys(d, 0)
}

// checkKeys reads the next value, which is known to be valid JSON.
func checkKeys(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	seen := make(map[string]bool)
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return err
			}
			key := t.(string)
			if seen[key] {
				return fmt.Errorf("key %.32q comes twice", key)
			}
			seen[key] = true
		}
		if err := checkKeys(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing bracket
	return err
}

// marshalBody returns the one form of a body: keys in the order of v's fields,
// no white space, nothing escaped that need not be.
func marshalBody(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// unmarshalBody reads into v what marshalBody writes, and refuses every other
// text, even if it means the same: unknown or missing fields, another order,
// white space, another way to write a number or a time.
func unmarshalBody(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %s", ErrStatement, strings.TrimPrefix(err.Error(), "json: "))
	}
	again, err := marshalBody(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if !bytes.Equal(again, body) {
		return fmt.Errorf("%w: the body is not in the form that STATEMENTS.md asks for", ErrStatement)
	}
	return nil
}

// seconds is a time in a body: RFC 3339, UTC, whole seconds, such as
// 2026-11-23T17:38:29Z. The zero time is left out by omitzero.
type seconds struct{ time.Time }

const secondsForm = "2006-01-02T15:04:05Z"

// inSeconds drops what a body does not hold of t.
func inSeconds(t time.Time) seconds {
	if t.IsZero() {
		return seconds{}
	}
	return seconds{t.UTC().Truncate(time.Second)}
}

// MarshalText writes the time; years of more than four digits are an error.
func (s seconds) MarshalText() ([]byte, error) {
	if y := s.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("a time in the year %d", y)
	}
	return s.AppendFormat(nil, secondsForm), nil
}

// UnmarshalText reads what MarshalText writes.
func (s *seconds) UnmarshalText(text []byte) error {
	t, err := time.Parse(secondsForm, string(text))
	if err != nil {
		return fmt.Errorf("time %.32q is not like %s", text, secondsForm)
	}
	s.Time = t
	return nil
}

// MarshalJSON is there because the one of the embedded time would be taken.
func (s seconds) MarshalJSON() ([]byte, error) {
	text, err := s.MarshalText()
	return []byte(`"` + string(text) + `"`), err
}

// UnmarshalJSON is there because the one of the embedded time would be taken.
func (s *seconds) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	return s.UnmarshalText([]byte(text))
}
