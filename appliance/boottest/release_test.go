package boottest_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"cobox/appliance/boottest"
	"cobox/appliance/release"
	imagebuild "cobox/image/build"
	"cobox/image/fat"
	"cobox/image/squashfs"
	"cobox/provision"
)

// A base is the system in the image, from which others are made: an image is built
// once, and what a test wants otherwise is put in its place.
type base struct {
	system release.System
	root   []byte
	tree   []squashfs.Entry
	packed map[string][]byte // variants, see [base.pack]
}

var (
	baseMu   sync.Mutex
	baseRead *base
)

// readBase returns the system in the image for virtual machines.
func readBase(t *testing.T) *base {
	t.Helper()
	file := image(t, boottest.Virt)
	baseMu.Lock()
	defer baseMu.Unlock()
	if baseRead != nil {
		return baseRead
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := &base{packed: make(map[string][]byte)}
	if b.system, b.root, err = imagebuild.System(f, imagebuild.Size); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	packed, tree := filepath.Join(dir, "root"), filepath.Join(dir, "tree")
	if err := os.WriteFile(packed, b.root, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unsquashfs", "-strict-errors", "-d", tree, packed).CombinedOutput(); err != nil {
		t.Fatalf("unsquashfs: %v\n%s", err, out)
	}
	if b.tree, err = entries(tree); err != nil {
		t.Fatal(err)
	}
	baseRead = b
	return b
}

// entries returns all that is in a folder.
func entries(dir string) (list []squashfs.Entry, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := squashfs.Entry{Mode: info.Mode()}
		switch {
		case d.Type() == fs.ModeSymlink:
			e.Link, err = os.Readlink(path)
		case d.Type().IsRegular():
			e.Data, err = os.ReadFile(path)
		}
		if err == nil {
			e.Path, err = filepath.Rel(dir, path)
		}
		list = append(list, e)
		return err
	})
	return list, err
}

// A variant is a release that differs from the image in its version and in some
// programs.
type variant struct {
	version  uint64            // over the image's
	programs map[string]string // how a bad one (testdata/bad) is bad that stands in a program's place
	signers  []string          // files with private keys; nil for two of those that boxes know
}

// A made release is its file, and the root file system in it.
type made struct {
	file   string
	system release.System
	root   []byte
}

// makeRelease makes a release.
func makeRelease(t *testing.T, v variant) made {
	t.Helper()
	b := readBase(t)
	began := time.Now()
	m := made{file: filepath.Join(t.TempDir(), "release"), system: b.system}
	m.system.Version += v.version
	m.system.Name = fmt.Sprintf("test-%d", v.version)
	m.root = b.pack(t, v, m.system)
	board, err := imagebuild.FindBoard(b.system.Board)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image")
	if _, err := board.Write(file, imagebuild.Contents{Root: m.root, Boot: []fat.File{
		{Name: provision.PersonalFile, Data: provision.BlankPersonal()}, {Name: imagebuild.SystemFile, Data: m.system.Append(nil)},
	}}); err != nil {
		t.Fatal(err)
	}
	args := []string{"release", "-o", m.file}
	if v.signers == nil {
		v.signers = []string{privateKey(keys(t), 1), privateKey(keys(t), 3)}
	}
	for _, key := range v.signers {
		args = append(args, "-key", key)
	}
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(dir, "mkimage"), append(args, file)...).CombinedOutput(); err != nil {
		t.Fatalf("mkimage release: %v\n%s", err, out)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	t.Logf("a release of version %d was made in %.1f s", m.system.Version, time.Since(began).Seconds())
	return m
}

// pack returns the root file system of a variant, which is made once.
func (b *base) pack(t *testing.T, v variant, system release.System) []byte {
	t.Helper()
	key := fmt.Sprint(v.version, v.programs)
	if root, ok := b.packed[key]; ok {
		return root
	}
	list := slices.Clone(b.tree)
	for i, e := range list {
		if "/"+e.Path == release.SystemFile {
			list[i].Data = system.Append(nil)
		}
		if how := v.programs[e.Path]; how != "" {
			list[i].Data = badProgram(t, how)
		}
	}
	root, err := squashfs.Make(list, time.Unix(int64(system.Version), 0))
	if err != nil {
		t.Fatal(err)
	}
	b.packed[key] = root
	return root
}

// privateKey returns the file with a private release key of a folder.
func privateKey(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%d.key", keyName, n))
}

// badProgram builds a program for boxes that does not do what it is for.
func badProgram(t *testing.T, how string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bad")
	cmd := exec.Command("go", "build", "-ldflags=-s -w -X main.how="+how, "-o", file, "./testdata/bad")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
