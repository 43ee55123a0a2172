package space

import (
	"errors"
	"io/fs"
	"os"
	"path"
)

// An openFolder is a folder below a root that stays open while many files are made in it,
// or moved, one after the other: each would open all folders on its way. The zero value
// is no folder yet. It is for one goroutine at a time.
type openFolder struct {
	above *os.Root
	name  string   // from the root above
	root  *os.Root // nil for none
	dir   *os.File
}

// change makes it the folder of that name.
func (f *openFolder) change(above *os.Root, name string) error {
	if f.root != nil && f.name == name {
		return nil
	}
	if err := f.close(); err != nil {
		return err
	}
	root, err := above.OpenRoot(name)
	if err != nil {
		return err
	}
	dir, err := root.Open(".")
	if err != nil {
		return errors.Join(err, root.Close())
	}
	*f = openFolder{above, name, root, dir}
	return nil
}

// close closes it, if there is one.
func (f *openFolder) close() error {
	if f.root == nil {
		return nil
	}
	err := errors.Join(f.dir.Close(), f.root.Close())
	*f = openFolder{}
	return err
}

// moveByPath is move for systems that do not know how to replace nothing: it looks before.
func (f *openFolder) moveByPath(base string, to *openFolder, name string) error {
	if _, err := to.root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return err
	}
	return f.above.Rename(path.Join(f.name, base), path.Join(to.name, name))
}
