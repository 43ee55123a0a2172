package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/appliance/release"
	"cobox/image/build"
	"cobox/image/card"
	"cobox/image/fat"
	"cobox/image/squashfs"
	"cobox/provision"
	"cobox/provision/label"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

func mkimage(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e strings.Builder
	p := &cli.Program{Name: "mkimage", Commands: []cli.Command{flashCommand(), personaliseCommand(), releaseCommand(), releaseKeysCommand()}}
	code = p.Run(t.Context(), args, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

// smallImage makes an image with little in it, and returns its file and its root.
func smallImage(t *testing.T) (file string, root []byte) {
	t.Helper()
	root, err := squashfs.Make([]squashfs.Entry{{Path: "gokrazy/init", Mode: 0o755, Data: []byte("init")}}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	system := release.System{Product: release.Product, Board: "arm64", Version: 7, Name: "1.0"}
	file = filepath.Join(t.TempDir(), "cobox.img")
	_, err = build.Boards[1].Write(file, build.Contents{Root: root, Boot: []fat.File{
		{Name: provision.PersonalFile, Data: provision.BlankPersonal()},
		{Name: build.SystemFile, Data: system.Append(nil)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return file, root
}

// personal reads what a box would find on its card.
func personal(t *testing.T, file string) (provision.Personal, error) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text, err := card.ReadFile(f, build.Size, provision.PersonalFile, provision.PersonalSize)
	if err != nil {
		t.Fatal(err)
	}
	return provision.ParsePersonal(text)
}

// TestPersonaliseCard: a card gets the public half of what its label says, in place,
// and nothing else on it changes.
func TestPersonaliseCard(t *testing.T) {
	image, _ := smallImage(t)
	before, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(t.TempDir(), "label.png")
	code, out, errOut := mkimage(t, "", "personalise", "-json", "-anywhere", "-labels", picture, image)
	if code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var made struct{ Tag, Code string }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	l := printed(t, picture)
	p, err := personal(t, image)
	if err != nil || p.Card.Claim != l.Code.Claim().Public() || p.Card.Tag != l.Tag || !p.Card.Anywhere || len(p.Seed) != seedSize {
		t.Errorf("the card has %+v, %v", p.Card, err)
	}
	if made.Tag != l.Tag.String() || made.Code != l.Code.Text() {
		t.Error("the label is for another box")
	}
	after, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for i := range before {
		if before[i] != after[i] {
			differ++
		}
	}
	if differ == 0 || differ > provision.PersonalSize || len(before) != len(after) || bytes.Contains(after, []byte(l.Code.Text())) {
		t.Errorf("%d bytes of the card have changed, or the code is on it", differ)
	}

	if code, _, errOut := mkimage(t, "", "personalise", image); code != cli.Failed || !strings.Contains(errOut, "-again") {
		t.Errorf("a second time: code %d, %s", code, errOut)
	}
	if code, _, errOut := mkimage(t, "", "personalise", "-again", image); code != cli.Done {
		t.Errorf("with -again: code %d, %s", code, errOut)
	}
	again, err := personal(t, image)
	if err != nil || again.Card.Claim == p.Card.Claim || bytes.Equal(again.Seed, p.Seed) {
		t.Errorf("with -again: %+v, %v", again.Card, err)
	}
}

// TestPersonaliseCopies: a box each, with one sheet of labels.
func TestPersonaliseCopies(t *testing.T) {
	image, _ := smallImage(t)
	dir := t.TempDir()
	cards := filepath.Join(dir, "cards")
	code, out, errOut := mkimage(t, "", "personalise", "-json", "-count", "2", "-o", cards, "-labels", filepath.Join(dir, "l.png"), image)
	if code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var made labelsMade
	if err := json.Unmarshal([]byte(out), &made); err != nil || len(made.Labels) != 2 || len(made.Files) != 2 {
		t.Fatalf("%s: %v", out, err)
	}
	for i, m := range made.Labels {
		l := printed(t, made.Files[i])
		p, err := personal(t, m.Image)
		if err != nil || p.Card.Claim != l.Code.Claim().Public() || filepath.Base(m.Image) != l.Tag.HostName()+".img" || m.Code != "" {
			t.Errorf("%+v: %+v, %v", m, p.Card, err)
		}
	}
	if _, err := personal(t, image); err == nil {
		t.Error("the image that was copied was personalised, too")
	}
	left, err := filepath.Glob(filepath.Join(cards, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("in the folder there is %v, %v", left, err)
	}
}

// TestPersonaliseOwner: a card gets an owner instead of a code, and what names it is no
// secret that is on it.
func TestPersonaliseOwner(t *testing.T) {
	owner := identity.OperatorKeyOf(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	image, _ := smallImage(t)
	cards := filepath.Join(t.TempDir(), "cards")
	code, out, errOut := mkimage(t, "", "personalise", "-json", "-owner", owner.String(), "-count", "2", "-o", cards, image)
	if code != cli.Done {
		t.Fatalf("copies: code %d: %s", code, errOut)
	}
	var made labelsMade
	if err := json.Unmarshal([]byte(out), &made); err != nil || len(made.Labels) != 2 {
		t.Fatalf("%s: %v", out, err)
	}
	code, out, errOut = mkimage(t, "", "personalise", "-json", "-owner", owner.String(), image)
	if code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var one struct{ Tag, Owner, Flashed string }
	if err := json.Unmarshal([]byte(out), &one); err != nil || one.Owner != owner.String() {
		t.Fatalf("%s: %v", out, err)
	}
	seen := make(map[label.ClaimSeed]bool)
	for _, m := range append(made.Labels, labelMade{Tag: one.Tag, Image: image, Flashed: one.Flashed}) {
		p, err := personal(t, m.Image)
		if err != nil || p.Card.Owner.Key != owner || p.Card.Owner.Seed.IsZero() || seen[p.Card.Owner.Seed] || len(p.Seed) != seedSize {
			t.Fatalf("the card of %s has %+v, %v", m.Tag, p.Card, err)
		}
		seen[p.Card.Owner.Seed] = true
		f, err := label.ParseFlashed(m.Flashed)
		if err != nil || f.Card != p.Card.Owner.Seed.Claim().Public().ID() || f.Tag != p.Card.Tag || m.Code != "" {
			t.Errorf("%s is named by %s, %v", m.Tag, m.Flashed, err)
		}
		if seed, _ := p.Card.Owner.Seed.MarshalText(); strings.Contains(out, string(seed)) {
			t.Error("the seed is printed")
		}
	}
	if code, _, errOut := mkimage(t, "", "personalise", image); code != cli.Failed || !strings.Contains(errOut, "-again") {
		t.Errorf("a second time: code %d, %s", code, errOut)
	}
	if code, out, _ := mkimage(t, "", "personalise", "-owner", owner.String(), "-again", image); code != cli.Done || !strings.Contains(out, "coboxctl pair -flashed COBOX1F:") {
		t.Errorf("for people: code %d, %s", code, out)
	}
}

func TestPersonaliseRefused(t *testing.T) {
	image, _ := smallImage(t)
	noImage := filepath.Join(t.TempDir(), "no.img")
	if err := os.WriteFile(noImage, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		says string
		args []string
		code int
	}{
		"nothing":          {"-state", nil, cli.Usage},
		"both":             {"-state", []string{"-state", "x", image}, cli.Usage},
		"count":            {"-count", []string{"-count", "2", image}, cli.Usage},
		"no image":         {"mkimage flash", []string{noImage}, cli.Failed},
		"no file":          {"no such file", []string{noImage + "x"}, cli.Failed},
		"no disk":          {"no card or disk", []string{"/dev/null"}, cli.Failed},
		"copies of none":   {"mkimage build", []string{"-o", "x", noImage}, cli.Failed},
		"an owner's label": {"nothing to draw", []string{"-owner", "operator:x", "-labels", "l.pdf", image}, cli.Usage},
		"no owner's key":   {"coboxctl init", []string{"-owner", "partner:x", image}, cli.Usage},
		"a QR for copies":  {"-labels", []string{"-o", "x", "-png", "x.png", image}, cli.Usage},
	} {
		if code, _, errOut := mkimage(t, "", append([]string{"personalise"}, c.args...)...); code != c.code || !strings.Contains(errOut, c.says) {
			t.Errorf("%s: code %d, %s", what, code, errOut)
		}
	}
	if code, _, errOut := mkimage(t, "", "flash", image, "/dev/null"); code != cli.Failed || !strings.Contains(errOut, "no card or disk") {
		t.Errorf("flash onto something that is no disk: code %d, %s", code, errOut)
	}
	if code, _, errOut := mkimage(t, "", "flash", noImage, "/dev/null"); code != cli.Failed || !strings.Contains(errOut, "no image") {
		t.Errorf("flash of something that is no image: code %d, %s", code, errOut)
	}
}
