package space

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// Files are moved to names that nothing has, by either way.
func TestOpenFolderMove(t *testing.T) {
	for name, move := range map[string]func(from *openFolder, base string, to *openFolder, name string) error{
		"move": (*openFolder).move, "moveByPath": (*openFolder).moveByPath,
	} {
		t.Run(name, func(t *testing.T) {
			root, err := os.OpenRoot(t.TempDir())
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(err)
			defer func() { check(root.Close()) }()
			check(root.MkdirAll("above/from", 0o700))
			check(root.Mkdir("to", 0o700))
			check(root.WriteFile("above/from/1", []byte("one"), 0o600))
			check(root.WriteFile("above/from/2", []byte("two"), 0o600))
			var from, to openFolder
			for range 2 { // the second time they are open
				check(from.change(root, "above/from"))
				check(to.change(root, "to"))
			}
			check(move(&from, "1", &to, "one"))
			if err := move(&from, "2", &to, "one"); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a name that is taken: %v", err)
			}
			if err := move(&from, "1", &to, "other"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file that is gone: %v", err)
			}
			if text, err := root.ReadFile("to/one"); err != nil || string(text) != "one" {
				t.Errorf("to/one is %q, %v", text, err)
			}
			check(to.change(root, "above"))
			check(move(&from, "2", &to, "two"))
			if text, err := root.ReadFile("above/two"); err != nil || string(text) != "two" {
				t.Errorf("above/two is %q, %v", text, err)
			}
			check(errors.Join(from.close(), to.close(), from.close()))
		})
	}
}
