package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrMalformed says that bytes are no release, or no part of one.
var ErrMalformed = errors.New("it is no release file")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// A System says what a box runs. In its root file system it is at [SystemFile].
type System struct {
	Product string // [Product]
	Board   string // such as rpi
	Version uint64 // a newer one is higher
	Name    string // what people call the version, such as 1.3.0
}

// Product is the product that is made here.
const Product = "cobox-seeder"

// The files of a root file system that updates look at.
const (
	SystemFile = "/etc/cobox/release"
	KeysFile   = "/etc/cobox/release-keys"
)

// A Manifest says what a release is.
type Manifest struct {
	System
	MinFrom uint64 // the lowest version that can be updated to it
	Root    File
}

// A File is a part of a release.
type File struct {
	Sum  [sha256.Size]byte // SHA-256
	Size int64             // bytes
}

// MaxRoot bounds a root file system, in bytes: a slot is smaller.
const MaxRoot = 1 << 32

const (
	maxVersion = 1<<53 - 1
	firstLine  = "cobox release 1\n"
)

// Append appends the text form of s, a line each.
func (s System) Append(b []byte) []byte {
	return fmt.Appendf(b, "product %s\nboard %s\nversion %d\nname %s\n", s.Product, s.Board, s.Version, s.Name)
}

// Text returns the text form of m, which is what is signed.
func (m Manifest) Text() []byte {
	b := m.System.Append([]byte(firstLine))
	return fmt.Appendf(b, "min-from %d\nroot %x %d\n", m.MinFrom, m.Root.Sum, m.Root.Size)
}

// ID returns the SHA-256 of the text form, by which operators order a release.
func (m Manifest) ID() [sha256.Size]byte { return sha256.Sum256(m.Text()) }

// ParseSystem reads the text form of a System. Errors wrap [ErrMalformed].
func ParseSystem(text []byte) (System, error) {
	l := lines{text: string(text)}
	s := l.system()
	return s, l.end(text, s.Append(nil))
}

// ParseManifest reads the text form of a Manifest. Errors wrap [ErrMalformed].
func ParseManifest(text []byte) (Manifest, error) {
	rest, ok := strings.CutPrefix(string(text), firstLine)
	if !ok {
		return Manifest{}, malformed("the manifest does not begin with %q", strings.TrimSpace(firstLine))
	}
	l := lines{text: rest}
	m := Manifest{System: l.system()}
	m.MinFrom = l.number("min-from", 0, maxVersion)
	sum, size, _ := strings.Cut(l.value("root"), " ")
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != len(m.Root.Sum) {
		l.fail("root %.80q", sum)
	}
	copy(m.Root.Sum[:], b)
	m.Root.Size = int64(l.parse("root's size", size, 1, MaxRoot))
	return m, l.end(text, m.Text())
}

// lines reads lines of a word and a value. The first thing that is wrong stays.
type lines struct {
	text string
	err  error
}

func (l *lines) fail(format string, args ...any) {
	if l.err == nil {
		l.err = malformed(format, args...)
	}
}

func (l *lines) value(word string) string {
	line, rest, ok := strings.Cut(l.text, "\n")
	l.text = rest
	value, is := strings.CutPrefix(line, word+" ")
	if !ok || !is {
		l.fail("where %s is to stand there is %.40q", word, line)
	}
	return value
}

func (l *lines) number(word string, least, most uint64) uint64 {
	return l.parse(word, l.value(word), least, most)
}

func (l *lines) parse(word, value string, least, most uint64) uint64 {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n < least || n > most {
		l.fail("%s %.40q", word, value)
	}
	return n
}

// word reads a value of 1 to most characters, of which allowed tells.
func (l *lines) word(word string, most int, allowed func(r rune) bool) string {
	v := l.value(word)
	if v == "" || len(v) > most || strings.ContainsFunc(v, func(r rune) bool { return !allowed(r) }) {
		l.fail("%s %.80q", word, v)
	}
	return v
}

func (l *lines) system() (s System) {
	simple := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }
	s.Product = l.word("product", 32, simple)
	s.Board = l.word("board", 32, simple)
	s.Version = l.number("version", 1, maxVersion)
	s.Name = l.word("name", 64, func(r rune) bool { return r > ' ' && r <= '~' })
	return s
}

// end tells whether all was well, and whether the text was in the one form.
func (l *lines) end(text, again []byte) error {
	if l.err == nil && !bytes.Equal(text, again) {
		l.fail("it is not in the one form that a manifest has")
	}
	return l.err
}
