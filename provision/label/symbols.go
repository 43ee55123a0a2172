package label

import (
	"fmt"
	"strings"
	"unicode"
)

// alphabet is Crockford's base 32: no I, L, O and U. All of it fits a QR's
// alphanumeric mode.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// maxText bounds in bytes what is read as a code, a label or an invite. An
// invite is 81 bytes; the rest is for spaces, dashes and marks of other scripts.
const maxText = 1024

// encode writes the first 5*n bits of b, the highest bit of each byte first.
func encode(b []byte, n int) string {
	text := make([]byte, n)
	for i := range text {
		var v byte
		for bit := 5 * i; bit < 5*i+5; bit++ {
			v <<= 1
			if bit/8 < len(b) {
				v |= b[bit/8] >> (7 - bit%8) & 1
			}
		}
		text[i] = alphabet[v]
	}
	return string(text)
}

// decode reads what encode writes into b, and sets what is left of b to zero. It
// reports whether the bits that b has no room for were zero. The symbols must be
// of the alphabet.
func decode(b []byte, symbols string) bool {
	clear(b)
	fits := true
	for i := range len(symbols) {
		v := strings.IndexByte(alphabet, symbols[i])
		if v < 0 {
			panic("label: decoding what is no symbol")
		}
		for k := range 5 {
			bit := 5*i + k
			on := byte(v>>(4-k)) & 1
			switch {
			case bit/8 < len(b):
				b[bit/8] |= on << (7 - bit%8)
			case on == 1:
				fits = false
			}
		}
	}
	return fits
}

// symbols returns text, which must hold n symbols, as symbols of the alphabet
// alone. What names it in errors: "code", "tag".
func symbols(what, text string, n int) (string, error) {
	if len(text) > maxText {
		return "", fmt.Errorf("reading %s: the text is %d bytes long, far longer than any", what, len(text))
	}
	var found strings.Builder
	count := 0
	for _, r := range text {
		if isFiller(r) {
			continue
		}
		count++
		s, ok := symbol(r)
		if !ok {
			return "", fmt.Errorf("reading %s: symbol %d of %d %s", what, count, n, whyNot(r))
		}
		found.WriteByte(s)
	}
	switch {
	case count == 0:
		return "", fmt.Errorf("reading %s: there is none", what)
	case count < n:
		return "", fmt.Errorf("reading %s: it is too short, %d of %d symbols", what, count, n)
	case count > n:
		return "", fmt.Errorf("reading %s: it is too long, %d symbols in place of %d", what, count, n)
	}
	return found.String(), nil
}

// isFiller reports whether r says nothing: a space of any width, a dash of any
// length, or a character that cannot be seen, as pasted text has them.
func isFiller(r rune) bool {
	const minus, hyphenBullet = '\u2212', '\u2043'
	return unicode.IsSpace(r) ||
		unicode.Is(unicode.Pd, r) || r == minus || r == hyphenBullet ||
		unicode.Is(unicode.Cf, r) // soft hyphen, zero-width spaces, direction and byte order marks
}

// symbol returns the symbol of the alphabet that r stands for.
func symbol(r rune) (byte, bool) {
	if r >= unicode.MaxASCII { // not unicode.ToUpper, which makes an S of the long s
		return 0, false
	}
	c := byte(r)
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	switch c {
	case 'O':
		c = '0'
	case 'I', 'L':
		c = '1'
	}
	return c, strings.IndexByte(alphabet, c) >= 0
}

// whyNot says why r is no symbol.
func whyNot(r rune) string {
	switch {
	case r == 'U' || r == 'u':
		return `cannot be "U", which codes do not have: is it a V?`
	case r == unicode.ReplacementChar:
		return "is damaged"
	case r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
		// Many look exactly like ours, so that showing it would only confuse.
		return "is of another alphabet, whatever it looks like: type it on a Latin keyboard"
	}
	return fmt.Sprintf("cannot be %q: there are only digits and letters", r)
}
