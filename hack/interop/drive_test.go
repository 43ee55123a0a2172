package interop_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// A Hyperdrive of 1,000 files in three versions goes through the box, which is
// told the drive's key alone, and each version comes back byte for byte.
func TestHyperdriveMirrors(t *testing.T) {
	s := play(t)
	h := s.host()
	d := s.peer("drive.mjs", "--storage", s.TempDir())
	h.pinDrive(d.ready.Key)
	tree := files{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		tree[fmt.Sprintf("folder%d/file%d", i%20, i)] = content(r)
	}
	type version struct {
		number uint64
		tree   files
	}
	var versions []version
	for range 3 {
		folder := s.TempDir()
		s.must(tree.write(folder))
		versions = append(versions, version{d.do("put", with{"folder": folder}).Version, tree})
		tree = tree.changed(r)
	}
	d.do("dial", with{"to": h.address()})
	d.do("held")
	d.leave()
	h.crash()
	reader := s.peer("drive.mjs", "--storage", s.TempDir(), "--key", d.ready.Key, "--to", h.address())
	for i, v := range versions {
		folder := s.TempDir()
		reader.do("mirror", with{"version": v.number, "folder": folder})
		got, err := readFiles(folder)
		s.must(err)
		if err := got.equals(v.tree); err != nil {
			t.Errorf("version %d: %v", i+1, err)
		}
	}
}

// Encrypted, and written while the box is connected.
func TestEncryptedHyperdrive(t *testing.T) {
	s := play(t)
	h := s.host()
	const secret = "7e5f4552091a69125d5dfcb7b8c2659029395bdf7e5f4552091a69125d5dfcb7"
	d := s.peer("drive.mjs", "--storage", s.TempDir(), "--encryption-key", secret)
	h.pinDrive(d.ready.Key)
	d.do("dial", with{"to": h.address()})
	r := rand.New(rand.NewPCG(3, 4))
	tree := files{"a": content(r), "b/c": content(r), "large": bytes.Repeat(content(r), 3000)}
	folder := s.TempDir()
	s.must(tree.write(folder))
	version := d.do("put", with{"folder": folder}).Version
	d.do("held")
	d.leave()
	reader := s.peer("drive.mjs", "--storage", s.TempDir(), "--key", d.ready.Key, "--encryption-key", secret, "--to", h.address())
	back := s.TempDir()
	reader.do("mirror", with{"version": version, "folder": back})
	got, err := readFiles(back)
	s.must(err)
	if err := got.equals(tree); err != nil {
		t.Error(err)
	}
}

// files are the files of a folder by their paths, with slashes.
type files map[string][]byte

// content makes a file of up to 3,000 bytes.
func content(r *rand.Rand) []byte {
	b := make([]byte, r.IntN(3000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// changed returns files of which some were changed, removed and added.
func (f files) changed(r *rand.Rand) files {
	g := files{}
	for path, b := range f {
		switch r.IntN(10) {
		case 0:
			g[path] = content(r)
		case 1:
			g[path+".moved"] = b
		default:
			g[path] = b
		}
	}
	return g
}

func (f files) write(folder string) error {
	for path, b := range f {
		full := filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func readFiles(folder string) (files, error) {
	f := files{}
	return f, fs.WalkDir(os.DirFS(folder), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f[path], err = os.ReadFile(filepath.Join(folder, filepath.FromSlash(path)))
		return err
	})
}

func (f files) equals(want files) error {
	for path, b := range want {
		if got, ok := f[path]; !ok || !bytes.Equal(got, b) {
			return fmt.Errorf("%s has %d bytes (there: %v), want %d", path, len(got), ok, len(b))
		}
	}
	if len(f) != len(want) {
		return fmt.Errorf("there are %d files, want %d", len(f), len(want))
	}
	return nil
}
