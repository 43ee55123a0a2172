package slots

import (
	"bytes"
	"errors"
	"regexp"
)

// The partitions with root file systems.
const (
	A = 2
	B = 3
)

// Other returns the slot that is not this one.
func Other(slot int) int { return A + B - slot }

// Name returns what people call a slot.
func Name(slot int) string {
	if slot == A {
		return "a"
	}
	return "b"
}

// A Start is what the kernel's parameters say of the slots.
type Start struct {
	Slot int  // whose system is started
	Try  bool // once, the system in the other slot takes its place
}

// tryWord stands after the parameter that names the slot.
const tryWord = " cobox.try=1"

// rootParameter names a slot by its place after partition 1.
var rootParameter = regexp.MustCompile(`\broot=PARTUUID=[0-9A-Fa-f-]+/PARTNROFF=([12])\b(` + tryWord + `\b)?`)

var (
	errNoSlot = errors.New("the kernel's parameters do not name one of two slots, once")
	errNoRoom = errors.New("there is no room for more of the kernel's parameters")
)

// ParseStart reads the kernel's parameters, or a file with them.
func ParseStart(text []byte) (Start, error) {
	m, err := find(text)
	if err != nil {
		return Start{}, err
	}
	return Start{Slot: A + int(text[m[2]]-'1'), Try: m[4] >= 0}, nil
}

func find(text []byte) (match []int, err error) {
	all := rootParameter.FindAllSubmatchIndex(text, 2)
	if len(all) != 1 {
		return nil, errNoSlot
	}
	return all[0], nil
}

// Put returns a file with the kernel's parameters in which they say s. It is as long
// as it was: such files end in spaces, of which some are used up or added.
func (s Start) Put(text []byte) ([]byte, error) {
	m, err := find(text)
	if err != nil {
		return nil, err
	}
	out := append(bytes.Clone(text[:m[2]]), byte(s.Slot-A)+'1')
	if s.Try {
		out = append(out, tryWord...)
	}
	out = append(out, text[m[1]:]...)
	if more := len(out) - len(text); more > 0 {
		if len(bytes.TrimRight(out, " ")) > len(text) {
			return nil, errNoRoom
		}
		return out[:len(text)], nil
	}
	return append(out, bytes.Repeat([]byte(" "), len(text)-len(out))...), nil
}
