package label_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"cobox/provision/label"
)

func TestNewCode(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}$`)
	seen := make(map[string]bool)
	for range 1000 {
		c := must[label.Code](t)(label.New(rand.Reader))
		if !form.MatchString(c.Text()) {
			t.Fatalf("Text() = %q, want five groups of four", c.Text())
		}
		if seen[c.Text()] {
			t.Fatal("the same code twice")
		}
		seen[c.Text()] = true
		if back := must[label.Code](t)(label.ParseCode(c.Text())); !back.Equal(c) {
			t.Fatalf("ParseCode(%s) is another code: %s", c.Text(), back.Text())
		}
	}
}

// TestCase54BrokenRandomSource: a source of zeros, one that repeats itself and
// one that ends make no code and no tag.
func TestCase54BrokenRandomSource(t *testing.T) {
	zeros := bytes.NewReader(make([]byte, 1000))
	sources := map[string]func() io.Reader{
		"zeros":     func() io.Reader { _, _ = zeros.Seek(0, io.SeekStart); return zeros },
		"ones":      func() io.Reader { return constant(0xff) },
		"repeating": func() io.Reader { return strings.NewReader(strings.Repeat("sixteen bytes!!!", 4)) },
		"then zero": func() io.Reader { return strings.NewReader("sixteen bytes!!!" + strings.Repeat("\x00", 64)) },
		"short":     func() io.Reader { return strings.NewReader("sixteen bytes!!! and not many") },
		"empty":     func() io.Reader { return strings.NewReader("") },
		"failing":   func() io.Reader { return iotest.ErrReader(errors.New("no generator")) },
	}
	for name, source := range sources {
		if c, err := label.New(source()); err == nil || !c.IsZero() {
			t.Errorf("New(%s) made a code", name)
		}
		if tag, err := label.NewTag(source()); err == nil || !tag.IsZero() {
			t.Errorf("NewTag(%s) made a tag", name)
		}
	}
	// Slow and good is good.
	if _, err := label.New(iotest.OneByteReader(&counter{})); err != nil {
		t.Errorf("New(one byte at a time): %v", err)
	}
	// Zeros where the code is taken from, though not everywhere.
	if _, err := label.New(strings.NewReader(strings.Repeat("\x00", 15) + "x" + "sixteen bytes!!!")); err == nil {
		t.Error("New made a code of zeros")
	}
}

type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// TestCase01Typos: of all codes with one wrong symbol, and of all with two
// neighbours swapped, no more pass than ten bits of check let pass: one in 1024,
// and none when the wrong symbol is of the check itself.
func TestCase01Typos(t *testing.T) {
	source := &counter{}
	var typos, missedTypos, swaps, missedSwaps int
	accepted := func(text []byte) bool {
		c, err := label.ParseCode(string(text))
		if err != nil && !errors.Is(err, label.ErrMistyped) {
			t.Fatalf("a mistyped code gave %q", err)
		}
		return err == nil && !c.IsZero()
	}
	for range 1000 {
		text := []byte(bare(must[label.Code](t)(label.New(source))))
		for i, right := range text {
			for _, wrong := range []byte(alphabet) {
				if wrong == right {
					continue
				}
				text[i] = wrong
				typos++
				if accepted(text) {
					missedTypos++
					if i >= 18 {
						t.Errorf("a wrong symbol %d, which is of the check, passed", i+1)
					}
				}
			}
			text[i] = right
		}
		for i := range len(text) - 1 {
			if text[i] == text[i+1] {
				continue
			}
			text[i], text[i+1] = text[i+1], text[i]
			swaps++
			if accepted(text) {
				missedSwaps++
				if i == 18 {
					t.Error("a swap of the check's symbols passed")
				}
			}
			text[i], text[i+1] = text[i+1], text[i]
		}
	}
	// Expected: 18 of 20 places times 1/1024, which is 0.088 %; the source is
	// fixed, so the figures are too.
	t.Logf("missed: %d of %d typos, %d of %d swaps", missedTypos, typos, missedSwaps, swaps)
	if typos != 1000*20*31 || missedTypos > typos/1024 {
		t.Errorf("%d of %d typos passed, want at most 1 in 1024", missedTypos, typos)
	}
	if missedSwaps > swaps/512 { // 18 000 swaps are few: twice the expected
		t.Errorf("%d of %d swaps passed, want about 1 in 1024", missedSwaps, swaps)
	}
}

// TestCase02Confusions: whatever people and programs do to a code on its way.
func TestCase02Confusions(t *testing.T) {
	// A code with a 0 and a 1 in it: the most confused symbols.
	source := &counter{}
	c := must[label.Code](t)(label.New(source))
	for !strings.Contains(c.Text(), "0") || !strings.Contains(c.Text(), "1") {
		c = must[label.Code](t)(label.New(source))
	}
	printed, symbols := c.Text(), bare(c)
	spoken := strings.Join(strings.Split(symbols, ""), " ")

	for _, text := range []string{
		symbols,
		strings.ToLower(printed),
		strings.ReplaceAll(printed, "0", "O"),
		strings.ReplaceAll(printed, "0", "o"),
		strings.ReplaceAll(printed, "1", "I"),
		strings.ReplaceAll(printed, "1", "i"),
		strings.ReplaceAll(printed, "1", "L"),
		strings.ReplaceAll(printed, "1", "l"),
		spoken,
		strings.ReplaceAll(spoken, " ", " - "),
		"\ufeff" + printed + "\r\n",
		strings.Replace(printed, "-", "\n", 2),
		symbols[:7] + "-" + symbols[7:13] + "  " + symbols[13:],
		"--" + printed + "--",
	} {
		if got, err := label.ParseCode(text); err != nil || !got.Equal(c) {
			t.Errorf("ParseCode(%q) = %q, %v", text, got.Text(), err)
		}
	}

	// Every space and every dash of Unicode, at every place.
	fillers := []rune{'\u00ad', '\u2212', '\u2043', '\u200b', '\u2060', '\ufeff', '\u200e'}
	for _, table := range []*unicode.RangeTable{unicode.White_Space, unicode.Pd} {
		for _, r := range table.R16 {
			for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
				fillers = append(fillers, c)
			}
		}
	}
	for _, must := range " \u00a0\u202f-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad" {
		if !strings.ContainsRune(string(fillers), must) {
			t.Fatalf("%U is not among those tried", must)
		}
	}
	for _, f := range fillers {
		for i := range len(symbols) + 1 {
			text := symbols[:i] + string(f) + symbols[i:]
			if got, err := label.ParseCode(text); err != nil || !got.Equal(c) {
				t.Errorf("ParseCode with %U before symbol %d: %v", f, i+1, err)
			}
		}
	}
}

func TestParseCodeErrors(t *testing.T) {
	c := must[label.Code](t)(label.New(&counter{}))
	s := bare(c)
	tests := []struct{ text, want string }{
		{"", "reading code: there is none"},
		{" - ", "reading code: there is none"},
		{s[:18], "reading code: it is too short, 18 of 20 symbols"},
		{c.Text()[:5], "reading code: it is too short, 4 of 20 symbols"},
		{s + "7", "reading code: it is too long, 21 symbols in place of 20"},
		{s + s, "reading code: it is too long, 40 symbols in place of 20"},
		{s[:6] + "U" + s[7:], `reading code: symbol 7 of 20 cannot be "U", which codes do not have: is it a V?`},
		{s[:6] + "-u" + s[7:], `reading code: symbol 7 of 20 cannot be "U", which codes do not have: is it a V?`},
		{s[:19] + "!", `reading code: symbol 20 of 20 cannot be '!': there are only digits and letters`},
		{s[:3] + "\x00" + s[4:], `reading code: symbol 4 of 20 cannot be '\x00': there are only digits and letters`},
		{s[:3] + "\x7f" + s[4:], `reading code: symbol 4 of 20 cannot be '\x7f': there are only digits and letters`},
		{"\xff" + s[1:], "reading code: symbol 1 of 20 is damaged"},
		{"С" + s[1:], "reading code: symbol 1 of 20 is of another alphabet, whatever it looks like: type it on a Latin keyboard"}, // Cyrillic
		{"ſ" + s[1:], "reading code: symbol 1 of 20 is of another alphabet, whatever it looks like: type it on a Latin keyboard"}, // upper case: S
		{strings.Repeat(" ", 1025), "reading code: the text is 1025 bytes long, far longer than any"},
		{"https://example.org/" + s, "reading code: this is a web address, not a CoBox code"},
		{"COBOX1:" + s + "-7K3F9Q", "reading code: this is the text of a whole label, not its code alone"},
		{strings.Repeat("0", 20), "reading code: the code is mistyped: one or more symbols are wrong, compare them with the printed ones"},
	}
	for _, test := range tests {
		got, err := label.ParseCode(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("ParseCode(%q) = %v, want %q", test.text, err, test.want)
		}
		if !got.IsZero() {
			t.Errorf("ParseCode(%q) returned a code beside its error", test.text)
		}
	}
}

// TestZeroCodeWithItsCheck: zeros with the right check are no code either.
func TestZeroCodeWithItsCheck(t *testing.T) {
	tried := 0
	for _, a := range alphabet {
		for _, b := range alphabet {
			tried++
			if _, err := label.ParseCode(strings.Repeat("0", 18) + string(a) + string(b)); !errors.Is(err, label.ErrMistyped) {
				t.Fatalf("zeros with the check %c%c: %v", a, b, err)
			}
		}
	}
	if tried != 1024 {
		t.Fatalf("%d checks tried, want 1024", tried)
	}
}

func TestZeroCodeIsNotUsed(t *testing.T) {
	for name, use := range map[string]func(){
		"Code.Text":     func() { _ = label.Code{}.Text() },
		"Code.Claim":    func() { _ = label.Code{}.Claim() },
		"Claim.Sign":    func() { _ = label.Claim{}.Sign(nil) },
		"Claim.Public":  func() { _ = label.Claim{}.Public() },
		"Tag.HostName":  func() { _ = label.Tag{}.HostName() },
		"Label.Text":    func() { _ = label.Label{}.Text() },
		"Invite.Text":   func() { _ = label.Invite{}.Text() },
		"Invite w/o ID": func() { _ = label.Invite{Code: must[label.Code](t)(label.New(&counter{}))}.Text() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of nothing went on with what everybody knows", name)
				}
			}()
			use()
		}()
	}
}

func TestEqual(t *testing.T) {
	source := &counter{}
	a := must[label.Code](t)(label.New(source))
	b := must[label.Code](t)(label.New(source))
	again := must[label.Code](t)(label.ParseCode(a.Text()))
	if !a.Equal(again) || a.Equal(b) || a.Equal(label.Code{}) || (label.Code{}).Equal(a) || !(label.Code{}).Equal(label.Code{}) {
		t.Error("Equal is wrong")
	}
}
