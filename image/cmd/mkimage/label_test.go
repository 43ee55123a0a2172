package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/provision"
	"cobox/provision/label"
	"cobox/provision/viewfinder"
	"cobox/seeder/cli"
)

func runLabel(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e strings.Builder
	p := &cli.Program{Name: "mkimage", Commands: []cli.Command{labelCommand()}}
	code = p.Run(t.Context(), append([]string{"label"}, args...), strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

// printed returns what is on a label that was written as PNG.
func printed(t *testing.T, file string) label.Label {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%s: %v, %v; want a file that its owner alone can read", file, info, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	read, err := viewfinder.ReadPhoto(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	what, err := label.Parse(read)
	l, ok := what.(label.Label)
	if err != nil || !ok {
		t.Fatalf("%s holds %T, %v", file, what, err)
	}
	return l
}

// TestNewBoxes: new boxes get what their labels say, and a code is on its label
// alone.
func TestNewBoxes(t *testing.T) {
	dir := t.TempDir()
	boxes := filepath.Join(dir, "boxes")
	code, out, errOut := runLabel(t, "", "-json", "-boxes", boxes, "-count", "3", "-anywhere", "-o", filepath.Join(dir, "l.png"))
	if code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var made labelsMade
	if err := json.Unmarshal([]byte(out), &made); err != nil || len(made.Labels) != 3 || len(made.Files) != 3 {
		t.Fatalf("%s: %v", out, err)
	}
	for i, m := range made.Labels {
		if want := filepath.Join(dir, fmt.Sprintf("l-%d.png", i+1)); made.Files[i] != want {
			t.Errorf("label %d is in %s, want %s", i+1, made.Files[i], want)
		}
		l := printed(t, made.Files[i])
		card, err := provision.ReadCard(m.State)
		if err != nil || card.Tag != l.Tag || card.Claim != l.Code.Claim().Public() || !card.Anywhere || m.Tag != l.Tag.String() {
			t.Errorf("box %s in %s has the card %+v, %v", m.Tag, m.State, card, err)
		}
		if strings.Contains(out, l.Code.Text()) || m.Code != "" {
			t.Error("a code is told that is on a label")
		}
	}

	// On the terminal, for want of a printer.
	code, out, errOut = runLabel(t, "", "-boxes", boxes, "-count", "2")
	if code != cli.Done || strings.Count(out, "  code  ") != 2 || strings.Count(out, "cobox-") < 4 {
		t.Errorf("code %d: %s%s", code, out, errOut)
	}
	states, err := os.ReadDir(boxes)
	if err != nil || len(states) != 5 {
		t.Errorf("%d state folders, %v", len(states), err)
	}

	// Nothing is made when the labels cannot be written.
	code, _, errOut = runLabel(t, "", "-boxes", filepath.Join(dir, "other"), "-o", filepath.Join(dir, "not", "there.pdf"))
	if _, err := os.Stat(filepath.Join(dir, "other")); code != cli.Failed || err == nil {
		t.Errorf("labels into a folder that is not there: code %d, %s", code, errOut)
	}
}

// TestLabelAgain: a label is drawn again from what is on it.
func TestLabelAgain(t *testing.T) {
	dir := t.TempDir()
	l, err := newLabel()
	if err != nil {
		t.Fatal(err)
	}
	other, err := newLabel()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "again.png")
	for _, c := range []struct {
		in   string
		args []string
	}{
		{l.Text(), nil},
		{strings.ToLower(l.Code.Text()) + "\n", []string{"-tag", l.Tag.HostName()}},
	} {
		if code, out, errOut := runLabel(t, c.in, append(c.args, "-o", file)...); code != cli.Done || strings.Contains(out, l.Code.Text()) {
			t.Errorf("code %d: %s%s", code, out, errOut)
		}
		if again := printed(t, file); again.Text() != l.Text() {
			t.Errorf("drawn again, the label is another")
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, form := range []string{"sheet.pdf", "sheet.svg"} {
		code, out, errOut := runLabel(t, l.Text()+"\n"+other.Text()+"\n", "-paper", "a4", "-skip", "3", "-cut", "-o", filepath.Join(dir, form))
		if info, err := os.Stat(filepath.Join(dir, form)); code != cli.Done || err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(out, "2 labels are in") {
			t.Errorf("%s: code %d, %v: %s%s", form, code, err, out, errOut)
		}
	}

	mistyped := []byte(l.Code.Text())
	last := &mistyped[len(mistyped)-1] // a wrong symbol in the check itself is always found
	*last = "QR"[*last&1]              // never what it was: Q is odd, R is even
	invite := label.Invite{Code: l.Code, BoxKey: [32]byte{1}}
	for what, c := range map[string]struct {
		in, says string
		args     []string
		code     int
	}{
		"an argument":          {l.Text(), "shell's history", []string{l.Code.Text()}, cli.Usage},
		"no tag":               {l.Code.Text(), "-tag", nil, cli.Usage},
		"a typing error":       {string(mistyped), "mistyped", []string{"-tag", "7K3F9Q"}, cli.Failed},
		"an invite":            {invite.Text(), "an invite", nil, cli.Failed},
		"nothing":              {"", "the input has ended", nil, cli.Failed},
		"a count":              {l.Text(), "-boxes", []string{"-count", "2"}, cli.Usage},
		"anywhere":             {l.Text(), "-boxes", []string{"-anywhere"}, cli.Usage},
		"tag for new boxes":    {"", "-tag", []string{"-boxes", dir, "-tag", "7K3F9Q"}, cli.Usage},
		"too many":             {"", "1 to 1000", []string{"-boxes", dir, "-count", "1001"}, cli.Usage},
		"skip on a roll":       {l.Text(), "-paper a4", []string{"-skip", "1"}, cli.Usage},
		"skip a whole sheet":   {l.Text(), "0 to 20", []string{"-paper", "a4", "-skip", "21"}, cli.Usage},
		"a small paper":        {l.Text(), "at least", []string{"-paper", "10x10"}, cli.Usage},
		"an unknown paper":     {l.Text(), "62x29", []string{"-paper", "letter"}, cli.Usage},
		"another kind of file": {l.Text(), ".pdf", []string{"-o", "label.gif"}, cli.Usage},
	} {
		code, _, errOut := runLabel(t, c.in, c.args...)
		if code != c.code || !strings.Contains(errOut, c.says) || c.code != cli.Usage && strings.Contains(errOut, l.Code.Text()) {
			t.Errorf("%s: code %d, %q; want %d and %q", what, code, errOut, c.code, c.says)
		}
	}
}
