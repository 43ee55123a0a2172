package squashfs_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cobox/image/squashfs"
)

var at = time.Unix(1700000000, 0)

func entries() []squashfs.Entry {
	noise := make([]byte, 300<<10)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise)
	list := []squashfs.Entry{
		{Path: "gokrazy/init", Mode: 0o755, Data: bytes.Repeat([]byte("text "), 200000)},
		{Path: "dev", Mode: fs.ModeDir | 0o755},
		{Path: "secret", Mode: fs.ModeDir | 0o700},
		{Path: "secret/empty", Mode: 0o600},
		{Path: "noise", Mode: 0o644, Data: noise},
		{Path: "block", Mode: 0o644, Data: make([]byte, 128<<10)},
		{Path: "etc/resolv.conf", Mode: fs.ModeSymlink | 0o777, Link: "/tmp/resolv.conf"}, // leads nowhere
		{Path: "a/b/c/d/e", Mode: 0o644, Data: []byte("deep")},
	}
	for i := range 1000 {
		list = append(list, squashfs.Entry{Path: fmt.Sprintf("many/file %d", i), Mode: 0o444, Data: fmt.Appendf(nil, "%d", i)})
	}
	return list
}

// TestUnsquashfs has another program read what was written.
func TestUnsquashfs(t *testing.T) {
	unsquashfs, err := exec.LookPath("unsquashfs")
	if err != nil {
		t.Skip("needs unsquashfs: hack/setup-e2e image installs it")
	}
	b, err := squashfs.Make(entries(), at)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "fs"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command(unsquashfs, "-strict-errors", "-d", out, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	n := 0
	err = filepath.WalkDir(out, func(string, fs.DirEntry, error) error { n++; return nil })
	if want := len(entries()) + 8; n != want || err != nil { // root, gokrazy, etc, a/b/c/d, many
		t.Errorf("%d entries were read back, want %d; %v", n, want, err)
	}
	for _, e := range entries() {
		path := filepath.Join(out, e.Path)
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != e.Mode || !info.ModTime().Equal(at) {
			t.Errorf("%s: %v, %v", e.Path, info, err)
			continue
		}
		switch e.Mode.Type() {
		case 0:
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, e.Data) {
				t.Errorf("%s: %d bytes, want %d; %v", e.Path, len(got), len(e.Data), err)
			}
		case fs.ModeSymlink:
			if got, err := os.Readlink(path); err != nil || got != e.Link {
				t.Errorf("%s leads to %s, %v", e.Path, got, err)
			}
		}
	}
}

// TestOrder: the order of the entries is of no account, and nothing else is either.
func TestOrder(t *testing.T) {
	one, err := squashfs.Make(entries(), at)
	if err != nil {
		t.Fatal(err)
	}
	list := entries()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	other, err := squashfs.Make(list, at)
	if err != nil || !bytes.Equal(one, other) {
		t.Errorf("two file systems of the same entries differ; %v", err)
	}
	if len(one)%4096 != 0 {
		t.Errorf("%d bytes are no whole pages", len(one))
	}
}

func TestRefused(t *testing.T) {
	for _, e := range []squashfs.Entry{
		{Path: ""}, {Path: "."}, {Path: "/etc"}, {Path: "../etc"}, {Path: "noise"}, {Path: "noise/x"}, {Path: "noise", Mode: fs.ModeDir},
		{Path: "etc"}, {Path: "pipe", Mode: fs.ModeNamedPipe},
	} {
		if _, err := squashfs.Make(append(entries(), e), at); err == nil {
			t.Errorf("%+v was put in", e)
		}
	}
}
