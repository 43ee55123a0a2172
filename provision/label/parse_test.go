package label_test

import (
	"errors"
	"strings"
	"testing"

	"cobox/provision/label"
)

func TestParseTellsThemApart(t *testing.T) {
	source := &counter{}
	for range 100 {
		code := must[label.Code](t)(label.New(source))
		lab := label.Label{Code: code, Tag: must[label.Tag](t)(label.NewTag(source))}
		invite := label.Invite{Code: code}
		if _, err := source.Read(invite.BoxKey[:]); err != nil {
			t.Fatal(err)
		}

		for _, text := range both(lab.Text()) {
			got, ok := must[label.Content](t)(label.Parse(text)).(label.Label)
			if !ok || !got.Code.Equal(code) || got.Tag != lab.Tag {
				t.Errorf("Parse(%q) is another", text)
			}
			if got := must[label.Label](t)(label.ParseLabel(text)); !got.Code.Equal(code) || got.Tag != lab.Tag {
				t.Errorf("ParseLabel(%q) is another", text)
			}
			if _, err := label.ParseInvite(text); err == nil || !strings.Contains(err.Error(), "the label of a box") {
				t.Errorf("ParseInvite of a label: %v", err)
			}
		}
		for _, text := range both(invite.Text()) {
			got, ok := must[label.Content](t)(label.Parse(text)).(label.Invite)
			if !ok || !got.Code.Equal(code) || got.BoxKey != invite.BoxKey {
				t.Errorf("Parse(%q) is another", text)
			}
			if got := must[label.Invite](t)(label.ParseInvite(text)); !got.Code.Equal(code) || got.BoxKey != invite.BoxKey {
				t.Errorf("ParseInvite(%q) is another", text)
			}
			if _, err := label.ParseLabel(text); err == nil || !strings.Contains(err.Error(), "an invite for a partner") {
				t.Errorf("ParseLabel of an invite: %v", err)
			}
		}
		flashed := label.Flashed{Tag: lab.Tag}
		if _, err := source.Read(flashed.Card[:]); err != nil {
			t.Fatal(err)
		}
		for _, text := range both(flashed.Text()) {
			if got := must[label.Content](t)(label.Parse(text)); got != label.Content(flashed) {
				t.Errorf("Parse(%q) is %v", text, got)
			}
			if got := must[label.Flashed](t)(label.ParseFlashed(text)); got != flashed {
				t.Errorf("ParseFlashed(%q) is %v", text, got)
			}
			_, labelErr := label.ParseLabel(text)
			_, inviteErr := label.ParseInvite(text)
			_, codeErr := label.ParseCode(text)
			for _, err := range []error{labelErr, inviteErr, codeErr} {
				if err == nil || !strings.Contains(err.Error(), "has an owner") {
					t.Errorf("a flashed card in place of another text: %v", err)
				}
			}
		}
		for _, text := range []string{lab.Text(), invite.Text(), code.Text()} {
			if _, err := label.ParseFlashed(text); err == nil || !strings.Contains(err.Error(), "this is a code") {
				t.Errorf("ParseFlashed of a code: %v", err)
			}
		}
		for _, text := range both(code.Text()) {
			got, ok := must[label.Content](t)(label.Parse(text)).(label.Code)
			if !ok || !got.Equal(code) {
				t.Errorf("Parse(%q) is another", text)
			}
			if _, err := label.ParseLabel(text); err == nil || !strings.Contains(err.Error(), "a code alone") {
				t.Errorf("ParseLabel of a code: %v", err)
			}
			if _, err := label.ParseInvite(text); err == nil || !strings.Contains(err.Error(), "a code alone") {
				t.Errorf("ParseInvite of a code: %v", err)
			}
		}
	}
}

// both returns text as it is printed and as it may be typed.
func both(text string) []string { return []string{text, strings.ToLower(text)} }

// TestQRTextForm: the texts are those of the reference, all in the alphabet of a
// QR's alphanumeric mode.
func TestQRTextForm(t *testing.T) {
	code := must[label.Code](t)(label.New(&counter{}))
	tag := must[label.Tag](t)(label.ParseTag("7K3F9Q"))
	lab, invite := label.Label{Code: code, Tag: tag}.Text(), label.Invite{Code: code, BoxKey: [32]byte{31: 1}}.Text()
	if want := "COBOX1:" + bare(code) + "-7K3F9Q"; lab != want {
		t.Errorf("Label.Text() = %q, want %q", lab, want)
	}
	// 256 bits: the lowest is the first of the last symbol.
	if want := "COBOX1I:" + bare(code) + "-" + strings.Repeat("0", 51) + "G"; invite != want {
		t.Errorf("Invite.Text() = %q, want %q", invite, want)
	}
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	if strings.Trim(lab+invite, alphanumeric) != "" {
		t.Error("the texts do not fit a QR's alphanumeric mode")
	}
}

func TestParseErrors(t *testing.T) {
	code := must[label.Code](t)(label.New(&counter{}))
	s := bare(code)
	last := alphabet[(strings.IndexByte(alphabet, s[19])+1)%32]
	mistyped := s[:19] + string(last)
	key := strings.Repeat("0", 51) + "G"
	tests := []struct{ text, want string }{
		{"", "there is none"},
		{"https://example.org", "a web address"},
		{"HTTP://COBOX-7K3F9Q.LOCAL/", "a web address"},
		{" www.example.org", "a web address"},
		{"WIFI:S:home;T:WPA;P:secret;;", "Wi-Fi"},
		{"otpauth://totp/x?secret=ABC", "second factor"},
		{"BEGIN:VCARD\nVERSION:3.0", "visiting card"},
		{"mailto:somebody@example.org", "mail address"},
		{"tel:+43123456789", "telephone number"},
		{"MT:Y.K9042C00KA0648G00", "Matter"},
		{"12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5", "a box ID"},
		{"box:12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5", "a box ID"},
		{"partner:7ir1ttte48bcp4zjychjyscicrwi1j34mtt91ptsafdbjmr8g9eo", "public key"},
		{"cobox-7k3f9q.local", "the name of a box"},
		{"abandon ability able about above absent absorb abstract absurd abuse access accident", "recovery phrase"},
		{"COBOX2:" + s + "-7K3F9Q", "update it"},
		{"COBOX1X:" + s + "-7K3F9Q", "update it"},
		{"COBOX:" + s + "-7K3F9Q", "neither COBOX1: nor COBOX1I:"},
		{"else:" + s, "neither COBOX1: nor COBOX1I:"},
		{"COBOX1:" + s, "too short, 20 of 26 symbols"},
		{"COBOX1:" + s + "-7K3F9QQ", "too long, 27 symbols in place of 26"},
		{"COBOX1:" + s + "-7K3F9U", "symbol 26 of 26"},
		{"COBOX1:COBOX1:" + s, "symbol 7 of 26"},
		{"COBOX1I:" + s, "too short, 20 of 72 symbols"},
		{"COBOX1I:" + s + key[:51], "too short, 71 of 72 symbols"},
		{"COBOX1I:" + s + key[:51] + "1", "the box key is mistyped"},
		{"COBOX1I:" + s + key[:51] + "0", "the box key is mistyped"},
		{mistyped, "mistyped"},
		{"COBOX1:" + mistyped + "-7K3F9Q", "mistyped"},
		{"COBOX1I:" + mistyped + "-" + key, "mistyped"},
		{strings.Repeat("A", 1025), "far longer"},
		{"COBOX1:" + strings.Repeat("A", 1<<20), "far longer"},
		{strings.Repeat("A ", 1<<19) + ":", "neither"},
	}
	for _, test := range tests {
		got, err := label.Parse(test.text)
		if err == nil || got != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Parse(%.60q) = %v, %v, want an error with %q", test.text, got, err, test.want)
			continue
		}
		if len(err.Error()) > 200 || strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%.60q): not one sentence: %v", test.text, err)
		}
		if wraps := errors.Is(err, label.ErrMistyped); wraps != strings.Contains(test.want, "mistyped") {
			t.Errorf("Parse(%.60q): wraps ErrMistyped is %v: %v", test.text, wraps, err)
		}
	}
}
