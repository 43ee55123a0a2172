package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// tree makes a small folder.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "a folder with a name"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"first-file.txt":                   "the quick brown fox jumps over the lazy dog, twice a day",
		"a folder with a name/second file": "pack my box with five dozen liquor jugs, says the host",
		"zeros":                            string(make([]byte, 100)),
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("first-file.txt", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	return root
}

// What the demo says it did not find, it would find.
func TestSearch(t *testing.T) {
	n, err := collect(tree(t))
	if err != nil {
		t.Fatal(err)
	}
	box := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(box, "blocks"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string][]string{
		string(make([]byte, 1000)):                         nil,
		"xxxfirst-file.txtyyy":                             {"first-file.txt"},
		"..the quick brown fox jump..":                     {"the quick brown fox jump"},
		"..the quick brown fox jum..":                      nil,
		"second file, and a folder with a name, and so on": {"a folder with a name", "second file"},
	} {
		write(text)
		found, _, err := n.find(box, 10)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found)
		if !slices.Equal(found, want) {
			t.Errorf("in %q: found %q, want %q", text, found, want)
		}
	}
}

func TestCompare(t *testing.T) {
	changes := map[string]func(root string) error{
		"a byte": func(root string) error {
			path := filepath.Join(root, "first-file.txt")
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[3] ^= 1
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
			return os.Chtimes(path, info.ModTime(), info.ModTime())
		},
		"a mode":      func(root string) error { return os.Chmod(filepath.Join(root, "zeros"), 0o600) },
		"a time":      func(root string) error { return os.Chtimes(filepath.Join(root, "zeros"), time.Now(), time.Unix(1, 0)) },
		"a file less": func(root string) error { return os.Remove(filepath.Join(root, "zeros")) },
		"a file more": func(root string) error { return os.WriteFile(filepath.Join(root, "new"), nil, 0o600) },
		"a link": func(root string) error {
			path := filepath.Join(root, "link")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("zeros", path)
		},
	}
	for name, change := range changes {
		a := tree(t)
		b := t.TempDir()
		if err := os.CopyFS(b, os.DirFS(a)); err != nil {
			t.Fatal(err)
		}
		if err := copyTimes(a, b); err != nil {
			t.Fatal(err)
		}
		if _, err := compare(a, b); err != nil {
			t.Fatalf("equal trees: %v", err)
		}
		if err := change(b); err != nil {
			t.Fatal(err)
		}
		if _, err := compare(a, b); err == nil {
			t.Errorf("%s changed, and the trees compare equal", name)
		}
	}
}
