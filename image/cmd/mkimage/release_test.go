package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/release"
	"cobox/seeder/cli"
)

// TestRelease: keys are made, an image's system is signed by two of them, and a box
// that knows the keys takes it.
func TestRelease(t *testing.T) {
	image, root := smallImage(t)
	dir := filepath.Join(t.TempDir(), "keys")
	if code, _, errOut := mkimage(t, "", "release-keys", "-o", dir, "-name", "example.org"); code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	text, err := os.ReadFile(filepath.Join(dir, "release-keys"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := release.ParseKeys(text)
	if err != nil || keys.Needs() != 2 {
		t.Fatalf("needs %d keys, %v", keys.Needs(), err)
	}
	private := func(n string) string { return filepath.Join(dir, "example.org-"+n+".key") }
	for _, n := range []string{"1", "2", "3"} {
		if info, err := os.Stat(private(n)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key %s: %v, %v", n, info, err)
		}
	}
	out := filepath.Join(t.TempDir(), "x.release")
	code, said, errOut := mkimage(t, "", "release", "-key", private("1"), "-key", private("3"), "-min-from", "3", "-o", out, image)
	if code != cli.Done || !strings.Contains(said, "version 7 (1.0)") {
		t.Fatalf("code %d: %s%s", code, said, errOut)
	}
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	r := bufio.NewReader(file)
	signed, err := release.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := keys.Open(signed)
	if err != nil || m.Board != "arm64" || m.Version != 7 || m.MinFrom != 3 {
		t.Errorf("%+v, %v", m, err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(rest, root) || m.Root.Size != int64(len(root)) {
		t.Errorf("root of %d bytes, want %d, %v", len(rest), len(root), err)
	}

	if code, _, errOut := mkimage(t, "", "release", "-key", private("1"), "-o", out, image); code != cli.Done {
		t.Errorf("code %d: %s", code, errOut)
	}
	if err := os.Chmod(private("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	repository := t.TempDir()
	if err := os.Mkdir(filepath.Join(repository, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		says string
		args []string
		code int
	}{
		"a key for all to read": {"chmod 600", []string{"release", "-key", private("2"), image}, cli.Failed},
		"a public key":          {"release key", []string{"release", "-key", filepath.Join(dir, "release-keys"), image}, cli.Failed},
		"no key":                {"-key", []string{"release", image}, cli.Usage},
		"keys again":            {"there already", []string{"release-keys", "-o", dir, "-name", "example.org"}, cli.Failed},
		"keys in git":           {"git repository", []string{"release-keys", "-o", filepath.Join(repository, "sub", "keys"), "-name", "x"}, cli.Failed},
		"a name":                {"-name", []string{"release-keys", "-o", dir, "-name", "a b"}, cli.Usage},
	} {
		code, _, errOut := mkimage(t, "", c.args...)
		if code != c.code || !strings.Contains(errOut, c.says) || strings.Contains(errOut, "PRIVATE") {
			t.Errorf("%s: code %d, %s", what, code, errOut)
		}
	}
}
