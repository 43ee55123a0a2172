package label_test

import (
	"encoding/json"
	"os"
	"testing"

	"cobox/provision/label"
)

// seeds adds every text of the vectors.
func seeds(f *testing.F) {
	var v vectors
	if err := json.Unmarshal(must[[]byte](f)(os.ReadFile(vectorFile)), &v); err != nil {
		f.Fatal(err)
	}
	for _, c := range v.Codes {
		f.Add(c.Code)
		f.Add(c.Label)
		f.Add(c.Invite)
		f.Add(c.Flashed)
		f.Add(c.HostName)
	}
	for text := range v.Reads {
		f.Add(text)
	}
	for _, text := range v.Refused {
		f.Add(text)
	}
}

// FuzzParseCode: what is read prints in one form, which reads as the same code.
func FuzzParseCode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := label.ParseCode(text)
		if err != nil {
			if !c.IsZero() {
				t.Error("a code beside an error")
			}
			return
		}
		back, err := label.ParseCode(c.Text())
		if err != nil || !back.Equal(c) || back.Text() != c.Text() || len(c.Text()) != 24 {
			t.Errorf("%q is printed as %q and read back as %q, %v", text, c.Text(), back.Text(), err)
		}
	})
}

// FuzzParse: the same for every content, and of the same type; what ParseLabel
// and the like take is what Parse says it is.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := label.Parse(text)
		_, labelErr := label.ParseLabel(text)
		_, inviteErr := label.ParseInvite(text)
		_, codeErr := label.ParseCode(text)
		_, flashedErr := label.ParseFlashed(text)
		_, isFlashed := c.(label.Flashed)
		_, isLabel := c.(label.Label)
		_, isInvite := c.(label.Invite)
		_, isCode := c.(label.Code)
		if isLabel != (labelErr == nil) || isInvite != (inviteErr == nil) || isCode != (codeErr == nil) || isFlashed != (flashedErr == nil) {
			t.Errorf("%q is a %T, but: %v, %v, %v, %v", text, c, labelErr, inviteErr, codeErr, flashedErr)
		}
		if err != nil {
			if c != nil {
				t.Error("a content beside an error")
			}
			return
		}
		back, err := label.Parse(c.Text())
		if err != nil || back.Text() != c.Text() {
			t.Errorf("%q is printed as %q and read back as %v, %v", text, c.Text(), back, err)
		}
	})
}

// FuzzParseTag: what is read makes a host name that reads as the same tag.
func FuzzParseTag(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		tag, err := label.ParseTag(text)
		if err != nil {
			return
		}
		if back, err := label.ParseTag(tag.HostName()); err != nil || back != tag {
			t.Errorf("%q is %v and read back as %v, %v", text, tag, back, err)
		}
		var stored label.Tag
		if err := stored.UnmarshalText([]byte(tag.String())); err != nil || stored != tag {
			t.Errorf("%v is stored as %v, %v", tag, stored, err)
		}
	})
}
