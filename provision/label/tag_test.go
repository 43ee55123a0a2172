package label_test

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"

	"cobox/provision/label"
)

func TestNewTag(t *testing.T) {
	host := regexp.MustCompile(`^cobox-[0-9a-hjkmnp-tv-z]{6}$`)
	for range 1000 {
		tag := must[label.Tag](t)(label.NewTag(rand.Reader))
		if !host.MatchString(tag.HostName()) {
			t.Fatalf("HostName() = %q", tag.HostName())
		}
		for _, text := range []string{tag.String(), strings.ToLower(tag.String()), tag.HostName(), tag.HostName() + ".local."} {
			if back, err := label.ParseTag(text); err != nil || back != tag {
				t.Fatalf("ParseTag(%q) = %v, %v, want %v", text, back, err, tag)
			}
		}
	}
}

func TestParseTag(t *testing.T) {
	for text, want := range map[string]string{
		"7K3F9Q":                "7K3F9Q",
		" 7k3 f9q ":             "7K3F9Q",
		"7K3\u2013F9Q":          "7K3F9Q",
		"cobox-7k3f9q":          "7K3F9Q",
		"CoBox-7K3F9Q.local":    "7K3F9Q",
		"cobox-7k3f9q.local.":   "7K3F9Q",
		"oIl000":                "011000",
		"cobox-1":               "", // the beginning of a host name, or a tag with a dash in it
		"":                      "",
		"7K3F9":                 "",
		"7K3F9QQ":               "",
		"7K3F9U":                "",
		"7K3F9Q.example.org":    "",
		"cobox-7k3f9q.evil.org": "",
	} {
		got, err := label.ParseTag(text)
		if got.String() != want || (err == nil) != (want != "") {
			t.Errorf("ParseTag(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestTagInFiles(t *testing.T) {
	var tag label.Tag
	for _, bad := range []string{"7k3f9q", "7K3-F9Q", "OOOOOO", "../../", "7K3F9", "cobox-7k3f9q"} {
		if err := tag.UnmarshalText([]byte(bad)); err == nil || !tag.IsZero() {
			t.Errorf("UnmarshalText(%q) = %v, %v, want an error", bad, tag, err)
		}
	}
	if err := tag.UnmarshalText([]byte("7K3F9Q")); err != nil || tag.String() != "7K3F9Q" {
		t.Errorf("UnmarshalText(7K3F9Q) = %v, %v", tag, err)
	}
	if err := tag.UnmarshalText(nil); err != nil || !tag.IsZero() {
		t.Errorf("UnmarshalText() = %v, %v, want the zero tag", tag, err)
	}
}
