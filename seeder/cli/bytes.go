package cli

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
)

// String returns the number with a unit, as [Bytes.Set] reads it.
func (b *Bytes) String() string { return FormatBytes(uint64(*b)) }

// Set reads a number with an optional unit, decimal (GB) or binary (GiB).
func (b *Bytes) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("%q is not a size such as 200GB or 64MiB", text)
	}
	*b = Bytes(n)
	return nil
}

// FormatBytes returns n bytes for people, in decimal units.
func FormatBytes(n uint64) string { return humanize.Bytes(n) }

// Count returns a number of things for people: "1 file", "2 boxes", "3 entries". thing is one.
func Count[N int | uint64](n N, thing string) string { return english.Plural(int(n), thing, "") }
