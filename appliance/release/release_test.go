package release_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/release"

	"golang.org/x/mod/sumdb/note"
)

// keys are three release keys and one that is none.
func keys(t testing.TB) (signers []note.Signer, public string) {
	t.Helper()
	for i, name := range []string{"release-1", "release-2", "release-3", "stranger"} {
		secret, verifier, err := note.GenerateKey(rand.Reader, name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := note.NewSigner(secret)
		if err != nil {
			t.Fatal(err)
		}
		if signers = append(signers, s); i < 3 {
			public += verifier + "\n"
		}
	}
	return signers, public
}

func known(t testing.TB, public string) release.Keys {
	t.Helper()
	k, err := release.ParseKeys([]byte("# keys\n\n" + public))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var root = bytes.Repeat([]byte("squash"), 1000)

func manifest() release.Manifest {
	return release.Manifest{
		System:  release.System{Product: release.Product, Board: "arm64", Version: 42, Name: "1.3.0"},
		MinFrom: 30, Root: release.File{Sum: sha256.Sum256(root), Size: int64(len(root))},
	}
}

// TestCase56Signatures: a release counts with two known signatures or more.
func TestCase56Signatures(t *testing.T) {
	signers, public := keys(t)
	k := known(t, public)
	if k.Needs() != 2 {
		t.Errorf("%d of three keys are needed, want 2", k.Needs())
	}
	for _, tc := range []struct {
		name string
		by   []note.Signer
		ok   bool
	}{
		{"two", signers[1:3], true},
		{"all", signers[:3], true},
		{"two and a stranger", []note.Signer{signers[0], signers[3], signers[2]}, true},
		{"one", signers[:1], false},
		{"one and a stranger", []note.Signer{signers[0], signers[3]}, false},
		{"a stranger", signers[3:], false},
		{"nobody", nil, false},
	} {
		signed, err := release.Sign(manifest(), tc.by...)
		if err != nil {
			t.Fatal(err)
		}
		m, err := k.Open(signed)
		if tc.ok && (err != nil || m != manifest()) {
			t.Errorf("signed by %s: %+v, %v", tc.name, m, err)
		}
		if !tc.ok && !errors.Is(err, release.ErrUnsigned) && !errors.Is(err, release.ErrMalformed) {
			t.Errorf("signed by %s: %v, want ErrUnsigned", tc.name, err)
		}
	}
	// One key's signature twice is one signature.
	signed, err := release.Sign(manifest(), signers[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(signed), "\n")
	twice := string(signed) + lines[len(lines)-2]
	if _, err := k.Open([]byte(twice)); err == nil {
		t.Error("one key signed for two")
	}
	one := known(t, strings.SplitAfter(public, "\n")[0])
	if _, err := one.Open(signed); one.Needs() != 1 || err != nil {
		t.Errorf("a box with one key: needs %d, %v", one.Needs(), err)
	}
}

// Not a bit of what is signed can be changed.
func TestEveryBitCounts(t *testing.T) {
	signers, public := keys(t)
	k := known(t, public)
	signed, err := release.Sign(manifest(), signers[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		if m, err := k.Open(changed); err == nil {
			t.Errorf("with byte %d changed it is %+v", i, m)
		}
	}
}

func TestFile(t *testing.T) {
	signers, public := keys(t)
	signed, err := release.Sign(manifest(), signers[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := release.Write(&file, signed, bytes.NewReader(root)); err != nil {
		t.Fatal(err)
	}
	if n := release.Size(signed, manifest()); n != int64(file.Len()) {
		t.Errorf("Size = %d, and the file has %d bytes", n, file.Len())
	}
	for n := range len(signed) + 20 { // cut off anywhere before the root
		if got, err := release.Read(bufio.NewReader(bytes.NewReader(file.Bytes()[:n]))); !errors.Is(err, release.ErrMalformed) {
			t.Errorf("the first %d bytes: %d bytes of manifest, %v", n, len(got), err)
		}
	}
	r := bufio.NewReader(&file)
	got, err := release.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := known(t, public).Open(got)
	if err != nil || m != manifest() {
		t.Errorf("manifest %+v, %v", m, err)
	}
	if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, root) {
		t.Errorf("root of %d bytes, %v", len(rest), err)
	}
}

func TestMalformed(t *testing.T) {
	good := string(manifest().Text())
	if m, err := release.ParseManifest([]byte(good)); err != nil || m != manifest() {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, change := range [][2]string{
		{"cobox release 1", "cobox release 2"}, {"product ", "produce "}, {"board arm64\n", ""}, {"board arm64", "board ARM64"},
		{"board arm64", "board arm64 "}, {"version 42", "version 0"}, {"version 42", "version 042"}, {"version 42", "version -1"},
		{"version 42", "version 9007199254740992"}, {"name 1.3.0", "name 1.3 0"}, {"name 1.3.0", "name "}, {"min-from 30", "min-from"},
		{" 6000\n", " 0\n"}, {" 6000\n", " 4294967297\n"}, {" 6000\n", " 6000\r\n"}, {" 6000\n", " 6000\nmore 1\n"}, {" 6000\n", " 6000"},
		{"root ", "root A"}, {"board arm64\nversion 42\n", "version 42\nboard arm64\n"},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if m, err := release.ParseManifest([]byte(text)); text == good || !errors.Is(err, release.ErrMalformed) {
			t.Errorf("with %q for %q: %+v, %v", change[1], change[0], m, err)
		}
	}
	s := manifest().System
	if got, err := release.ParseSystem(s.Append(nil)); err != nil || got != s {
		t.Errorf("system %+v, %v", got, err)
	}
}

func TestParseKeys(t *testing.T) {
	_, public := keys(t)
	first := strings.SplitAfter(public, "\n")[0]
	for name, text := range map[string]string{
		"none": "# nothing\n", "one twice": first + first, "no key": "release-1+12345678+AAAA\n", "too many": strings.Repeat(first, 17),
	} {
		if _, err := release.ParseKeys([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The vector in testdata is a release that another implementer can check against.
func TestVector(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "release"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join("testdata", "release-keys"))
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(file))
	signed, err := release.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := known(t, string(public)).Open(signed)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || int64(len(rest)) != m.Root.Size || sha256.Sum256(rest) != m.Root.Sum || m.Version != 42 {
		t.Errorf("%+v with a root of %d bytes, %v", m, len(rest), err)
	}
}

func FuzzRead(f *testing.F) {
	signers, public := keys(f)
	k := known(f, public)
	signed, err := release.Sign(manifest(), signers[:2]...)
	if err != nil {
		f.Fatal(err)
	}
	var file bytes.Buffer
	if err := release.Write(&file, signed, bytes.NewReader(root)); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte("cobox-release/1 5\nabcde"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := release.Read(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := release.Write(&again, got, bytes.NewReader(nil)); err != nil || !bytes.HasPrefix(b, again.Bytes()) {
			t.Errorf("%q is written as %q, %v", b, again.Bytes(), err)
		}
		if m, err := k.Open(got); err == nil && m != manifest() {
			t.Errorf("a manifest that nobody signed: %+v", m)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add(manifest().Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := release.ParseManifest(text); err == nil && !bytes.Equal(m.Text(), text) {
			t.Errorf("%q is written as %q", text, m.Text())
		}
	})
}
