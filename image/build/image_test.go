package build_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/perm"
	"cobox/appliance/release"
	"cobox/image/build"
	"cobox/image/card"
	"cobox/image/fat"
	"cobox/provision"
)

var wanted = flag.String("boards", "", "build and look at the images for these `boards`, with commas between them: needs hack/setup-e2e image")

// maxCompressed is how large an image may be to download, in bytes.
const maxCompressed = 60e6

// TestImages builds each image twice, from clones in two folders, and has other
// programs look at it.
func TestImages(t *testing.T) {
	if *wanted == "" {
		t.Skip("builds images, for minutes: go test ./image/build -boards rpi,arm64,amd64")
	}
	for name := range strings.SplitSeq(*wanted, ",") {
		t.Run(name, func(t *testing.T) {
			b, err := build.FindBoard(name)
			if err != nil {
				t.Fatal(err)
			}
			var made [2]*build.Made
			for i, folder := range []string{"one", "another/and/deeper"} {
				dir := filepath.Join(t.TempDir(), folder)
				run(t, "git", "clone", "--quiet", "--shared", "../..", dir)
				p := build.Plan{Source: dir, Board: b, File: filepath.Join(dir, "dist", "image")}
				if made[i], err = build.Image(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			if made[0].Sum != made[1].Sum {
				t.Errorf("two images of the same commit differ: %s, %s", made[0].Sum, made[1].Sum)
			}
			check(t, b, made[0].File)
		})
	}
}

func check(t *testing.T, b *build.Board, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if out := run(t, "sfdisk", "--verify", file); !strings.Contains(out, "No errors detected") {
		t.Errorf("sfdisk says %s", out)
	}
	dir := t.TempDir()
	boot := filepath.Join(dir, "boot")
	part(t, f, boot, 4<<20, 124<<20)
	run(t, "fsck.fat", "-n", boot)
	system, root, err := build.System(f, build.Size)
	if err != nil || system.Product != release.Product || system.Board != b.Name {
		t.Fatalf("the image is %+v, %v", system, err)
	}
	rootFile, tree := filepath.Join(dir, "root"), filepath.Join(dir, "tree")
	if err := os.WriteFile(rootFile, root, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "unsquashfs", "-strict-errors", "-d", tree, rootFile)
	for _, program := range []string{"gokrazy/init", "gokrazy/dhcp", "gokrazy/ntp", "user/seederd", "user/provisiond"} {
		if info, err := os.Stat(filepath.Join(tree, program)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", program, info, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(tree, release.SystemFile)); err != nil || string(text) != string(system.Append(nil)) {
		t.Errorf("%s says %q, %v", release.SystemFile, text, err)
	}
	if _, err := os.Lstat(filepath.Join(tree, "etc/gokr-pw.txt")); err == nil {
		t.Error("with a password gokrazy listens on the network")
	}
	checkSBOM(t, filepath.Join(tree, "etc/cobox/sbom.json"))
	text, err := card.ReadFile(f, build.Size, provision.PersonalFile, provision.PersonalSize)
	if err != nil || !bytes.Equal(text, provision.BlankPersonal()) {
		t.Errorf("%s: %.20q, %v", provision.PersonalFile, text, err)
	}
	cmdline, err := card.ReadFile(f, build.Size, build.CmdlineFile, 4096)
	if err != nil || bytes.Count(cmdline, []byte("\n")) != 1 || !bytes.Contains(cmdline, []byte("/PARTNROFF=1 ")) {
		t.Errorf("the command line is %q, %v", cmdline, err)
	}
	checkPerm(t, file, filepath.Join(dir, "card"))
	var n counter
	z := gzip.NewWriter(&n)
	if _, err := io.Copy(z, io.NewSectionReader(f, 0, build.Size)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil || n > maxCompressed {
		t.Errorf("compressed it has %d bytes, want at most %.0f; %v", n, maxCompressed, err)
	}
	t.Logf("%s: %d bytes compressed, root %d", b.Name, n, len(root))
}

// checkPerm makes what a box makes on its first start, on a card with the image.
func checkPerm(t *testing.T, image, file string) {
	t.Helper()
	run(t, "cp", "--sparse=always", image, file)
	const cardSize = 4 << 30
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(cardSize); err != nil {
		t.Fatal(err)
	}
	at, err := perm.Create(f, cardSize)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "e2fsck", "-f", "-n", fmt.Sprintf("%s?offset=%d", file, at.Start))
	if out := run(t, "sfdisk", "--verify", file); !strings.Contains(out, "No errors detected") {
		t.Errorf("with /perm on the card sfdisk says %s", out)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// checkSBOM looks for some of what must be named.
func checkSBOM(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Format     string `json:"bomFormat"`
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &d); err != nil || d.Format != "CycloneDX" {
		t.Errorf("the bill of materials is %.20q, %v", text, err)
	}
	names := make(map[string]bool)
	for _, c := range d.Components {
		names[c.Name] = c.Version != "" || strings.HasPrefix(c.Name, "/")
	}
	for _, want := range []string{"std", "/user/seederd", "/gokrazy/ntp", "github.com/libp2p/go-libp2p", "github.com/beevik/ntp", "github.com/gokrazy/gokrazy"} {
		if !names[want] {
			t.Errorf("the bill of materials does not name %s with a version", want)
		}
	}
}

func part(t *testing.T, f *os.File, file string, at, size int64) {
	t.Helper()
	out, err := os.Create(file)
	if err == nil {
		_, err = io.Copy(out, io.NewSectionReader(f, at, size))
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestWrite: an image of small things has its parts in their places, for all boards.
func TestWrite(t *testing.T) {
	system := release.System{Product: release.Product, Version: 7, Name: "1.0"}
	for i := range build.Boards {
		b := &build.Boards[i]
		system.Board = b.Name
		root, err := makeRoot()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "sub", "image")
		sum, err := b.Write(file, build.Contents{Boot: []fat.File{
			{Name: provision.PersonalFile, Data: provision.BlankPersonal()},
			{Name: build.SystemFile, Data: system.Append(nil)},
		}, Root: root})
		if err != nil || len(sum) != 64 {
			t.Fatal(sum, err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		s, back, err := build.System(f, build.Size)
		if err != nil || s != system || !bytes.Equal(back, root) {
			t.Errorf("%s: %+v, root of %d bytes, want %d; %v", b.Name, s, len(back), len(root), err)
		}
		if started, err := card.Started(f, build.Size); started || err != nil {
			t.Errorf("%s: a new image counts as started, %v", b.Name, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
		if err != nil || len(left) != 1 {
			t.Errorf("besides the image there is %v, %v", left, err)
		}
	}
	if _, err := build.Boards[0].Write(filepath.Join(t.TempDir(), "image"), build.Contents{Root: make([]byte, build.SlotSize+1)}); err == nil {
		t.Error("a root file system larger than a slot was written")
	}
}
