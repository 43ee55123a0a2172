package durable_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/seeder/durable"
)

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "own")
	for _, content := range []string{"first", "", strings.Repeat("long ", 100_000), "x"} {
		if err := durable.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Fatalf("after writing %d bytes the file holds %d bytes, %v", len(content), len(got), err)
		}
	}
	wantNames(t, dir, "own")
}

func TestWriteFileSetsExactPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "box.key")
	for _, perm := range []fs.FileMode{0o644, 0o600, 0o666} {
		if err := durable.WriteFile(path, nil, perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != perm {
			t.Errorf("permissions are %v, want %v (%v)", info.Mode().Perm(), perm, err)
		}
	}
}

func TestWriteFileReplacesLinkNotTarget(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("target"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(link, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "target" {
		t.Errorf("the link's target was written to: %q", got)
	}
	if got, _ := os.ReadFile(link); string(got) != "new" {
		t.Errorf("the link holds %q, want %q", got, "new")
	}
}

func TestWriteFileIntoMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "file")
	err := durable.WriteFile(path, nil, 0o600)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("WriteFile = %v, want an error that names %s and wraps fs.ErrNotExist", err, path)
	}
}

func TestWriteFileThatCannotRenameLeavesOld(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(path, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("new"), 0o600); err == nil {
		t.Error("WriteFile over a folder succeeded")
	}
	wantNames(t, dir, "folder")
	wantNames(t, path, "old")
}

func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := durable.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := durable.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second Remove = %v, want fs.ErrNotExist", err)
	}
}

func TestCleanRemovesLeftoversOnly(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"own", ".durable-12.tmp", ".durable-.tmp", ".durable-12", "x.tmp", "a.durable-1.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".durable-folder.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := durable.Clean(dir)
	if n != 2 || err != nil {
		t.Errorf("Clean = %d, %v, want 2", n, err)
	}
	wantNames(t, dir, ".durable-12", ".durable-folder.tmp", "a.durable-1.tmp", "own", "x.tmp")
	if _, err := durable.Clean(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Clean of a missing folder = %v, want fs.ErrNotExist", err)
	}
}

func TestMkdir(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c")
	for range 2 { // the second time it is there
		if err := durable.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("Stat = %v, %v, want a folder with 0700", info, err)
	}
	if err := durable.Mkdir(path+string(filepath.Separator), 0o700); err != nil {
		t.Errorf("with a separator at the end: %v", err)
	}
	t.Chdir(dir)
	if err := durable.Mkdir(filepath.Join("relative", "x"), 0o700); err != nil {
		t.Errorf("a relative path: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := durable.WriteFile(file, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := durable.Mkdir(path, 0o700); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("Mkdir(%s) = %v, want an error that names it", path, err)
		}
	}
	if got, _ := os.ReadFile(file); !bytes.Equal(got, []byte("whole")) {
		t.Errorf("the file in the way now holds %q", got)
	}
}

func TestSyncDirOfMissingFolder(t *testing.T) {
	if err := durable.SyncDir(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir = %v, want fs.ErrNotExist", err)
	}
}

// wantNames checks which names are in dir, sorted.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}
