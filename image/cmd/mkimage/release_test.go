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
	const passphrase = "zwölf Boxkämpfer"
	if code, _, errOut := mkimage(t, passphrase+"\n", "release-keys", "-o", dir, "-name", "example.org"); code != cli.Done {
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
		if text, err := os.ReadFile(private(n)); err != nil || strings.Contains(string(text), "PRIVATE") {
			t.Errorf("key %s is not encrypted, %v", n, err)
		}
		if info, err := os.Stat(private(n)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key %s: %v, %v", n, info, err)
		}
	}
	out := filepath.Join(t.TempDir(), "x.release")
	code, said, errOut := mkimage(t, passphrase+"\n", "release", "-key", private("1"), "-key", private("3"), "-min-from", "3", "-o", out, image)
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

	if code, _, errOut := mkimage(t, passphrase+"\n", "release", "-key", private("1"), "-o", out, image); code != cli.Done {
		t.Errorf("code %d: %s", code, errOut)
	}
	if err := os.Chmod(private("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	repository := t.TempDir()
	if err := os.Mkdir(filepath.Join(repository, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Two keys of two people, and keys without a passphrase.
	other := filepath.Join(t.TempDir(), "keys")
	if code, _, errOut := mkimage(t, "another passphrase\n", "release-keys", "-o", other, "-name", "b"); code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	plain := filepath.Join(t.TempDir(), "keys")
	if code, _, errOut := mkimage(t, "", "release-keys", "-plain", "-o", plain, "-name", "c"); code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	if code, said, errOut := mkimage(t, passphrase+"\nanother passphrase\n", "release", "-key", private("1"), "-key", filepath.Join(other, "b-2.key"),
		"-key", filepath.Join(plain, "c-1.key"), "-o", out, image); code != cli.Done || !strings.Contains(said, "signed by 3") {
		t.Errorf("code %d: %s%s", code, said, errOut)
	}
	for _, in := range []string{"", "another passphrase\n"} {
		code, _, errOut := mkimage(t, in, "release", "-key", private("1"), "-o", out, image)
		if code != cli.Failed || !strings.Contains(errOut, "passphrase") {
			t.Errorf("opened with %q: code %d, %s", in, code, errOut)
		}
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
		"no passphrase":         {"passphrase", []string{"release-keys", "-o", filepath.Join(t.TempDir(), "x"), "-name", "x"}, cli.Failed},
		"a name":                {"-name", []string{"release-keys", "-o", dir, "-name", "a b"}, cli.Usage},
	} {
		code, _, errOut := mkimage(t, "", c.args...)
		if code != c.code || !strings.Contains(errOut, c.says) || strings.Contains(errOut, "PRIVATE") {
			t.Errorf("%s: code %d, %s", what, code, errOut)
		}
	}
}
