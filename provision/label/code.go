package label

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The parts of a code, in symbols of five bits.
const (
	CodeSymbols   = secretSymbols + checkSymbols
	secretSymbols = 18 // 90 bits
	checkSymbols  = 2  // 10 bits
	groupSymbols  = 4
)

// checkContext keeps the hash that gives the check apart from all others.
const checkContext = "cobox/code-check/v1"

// ErrMistyped says that a code's check does not fit its other symbols, or that
// other symbols cannot be as they are: each is possible, together they are not.
var ErrMistyped = errors.New("mistyped: one or more symbols are wrong, compare them with the printed ones")

// errHidden is what encoders get in place of a secret.
var errHidden = errors.New("label: a code or its claim is not written by encoders: a person asks for it with Text")

// secret is the 90 bits of a code, the highest bit of the first byte first; the
// last six bits of the 96 are zero.
type secret [12]byte

// A Code is what is printed on a label or sent to a partner, and typed by one
// person once. The zero Code stands for none.
//
// It never prints itself: every verb of fmt, String and log/slog show a word in
// its place, and MarshalText fails. [Code.Text] gives the form for people.
// Compare with [Code.Equal]; the operator == does not compile.
type Code struct {
	// A function, because fmt does not ask a Code in an unexported field of
	// somebody's struct how to print it, and follows pointers when the verb is
	// wrong. It sees no further than a function's address. Nil for no code.
	secret func() secret
}

// New returns a new code of 90 bits from rand, which should be crypto/rand.Reader.
// It refuses a source that gives zeros or repeats itself.
func New(rand io.Reader) (Code, error) {
	b, err := draw(rand)
	if err != nil {
		return Code{}, fmt.Errorf("making a code: %w", err)
	}
	s := secret(b[:len(secret{})])
	s[len(s)-1] &= 0xc0 // 90 bits of 96
	if s == (secret{}) {
		return Code{}, errors.New("making a code: the random source is broken: it gives zeros")
	}
	return hide(s), nil
}

// ParseCode reads a code as people type and paste it: in upper or lower case, O
// for 0, I and L for 1, with spaces and dashes of any kind anywhere. The error
// is one sentence for the person who typed; it wraps [ErrMistyped] when 20
// symbols were there that do not belong together. Nothing but text is looked at,
// so a typing error costs no attempt. For the texts of QR codes see [Parse].
func ParseCode(text string) (Code, error) {
	const what = "code"
	typed, err := symbols(what, text, CodeSymbols)
	if err != nil {
		return Code{}, betterError(what, text, err)
	}
	return codeOf(what, typed)
}

// hide returns the code of s.
func hide(s secret) Code { return Code{func() secret { return s }} }

// codeOf returns the code of 20 symbols of the alphabet.
func codeOf(what, typed string) (Code, error) {
	var s secret
	decode(s[:], typed[:secretSymbols])
	// Zeros stand for no code, and no random source gives them.
	if s == (secret{}) || s.check() != typed[secretSymbols:] {
		return Code{}, fmt.Errorf("reading %s: the code is %w", what, ErrMistyped)
	}
	return hide(s), nil
}

// check returns the two symbols that find typing errors.
func (s secret) check() string {
	h := sha256.Sum256(append([]byte(checkContext), s[:]...))
	return encode(h[:], checkSymbols)
}

// symbols returns the 20 symbols. A zero Code has none: to go on with it would
// print, or derive a key from, what everybody knows.
func (c Code) symbols() string {
	if c.secret == nil {
		panic("label: a zero Code was used")
	}
	s := c.secret()
	return encode(s[:], secretSymbols) + s.check()
}

// Text returns the printed form: five groups of four symbols with dashes between
// them. It panics when c is zero.
func (c Code) Text() string {
	s := c.symbols()
	groups := make([]string, 0, CodeSymbols/groupSymbols)
	for ; s != ""; s = s[groupSymbols:] {
		groups = append(groups, s[:groupSymbols])
	}
	return strings.Join(groups, "-")
}

// IsZero reports whether c stands for no code.
func (c Code) IsZero() bool { return c.secret == nil }

// Equal reports whether c and d are the same code, in constant time.
func (c Code) Equal(d Code) bool {
	if c.IsZero() || d.IsZero() {
		return c.IsZero() && d.IsZero()
	}
	a, b := c.secret(), d.secret()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns a word in place of the code. The code is [Code.Text].
func (c Code) String() string {
	if c.IsZero() {
		return "(no code)"
	}
	return "(code)"
}

// Format writes what String returns, whatever the verb.
func (c Code) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// MarshalText fails: codes are not kept in files, nor sent.
func (c Code) MarshalText() ([]byte, error) { return nil, errHidden }
