package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// totals counts a tree.
type totals struct {
	files, folders, links int
	bytes                 int64
}

// compare compares two trees byte for byte: names, kinds, modes, times of files
// and folders, contents, targets of links. It returns what it compared.
func compare(want, got string) (totals, error) {
	t, err := oneWay(want, got, true)
	if err != nil {
		return t, err
	}
	back, err := oneWay(got, want, false)
	if err != nil {
		return t, err
	}
	if t.files != back.files || t.folders != back.folders || t.links != back.links {
		return t, fmt.Errorf("the trees differ: %+v and %+v", t, back)
	}
	return t, nil
}

// oneWay walks tree a and looks for each entry in b; contents are compared when deep is set.
func oneWay(a, b string, deep bool) (t totals, err error) {
	err = filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(a, path)
		if err != nil {
			return err
		}
		x, err := os.Lstat(path)
		if err != nil {
			return err
		}
		y, err := os.Lstat(filepath.Join(b, rel))
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		if rel != "." && (x.Mode() != y.Mode() || x.Mode()&fs.ModeSymlink == 0 && !x.ModTime().Equal(y.ModTime())) {
			return fmt.Errorf("%s: mode and time are %v %v and %v %v", rel, x.Mode(), x.ModTime(), y.Mode(), y.ModTime())
		}
		switch {
		case x.IsDir():
			t.folders++
		case x.Mode()&fs.ModeSymlink != 0:
			t.links++
			return sameLink(path, filepath.Join(b, rel))
		default:
			t.files++
			t.bytes += x.Size()
			if deep {
				return sameFile(path, filepath.Join(b, rel))
			}
		}
		return nil
	})
	return t, err
}

func sameLink(a, b string) error {
	x, err := os.Readlink(a)
	if err != nil {
		return err
	}
	y, err := os.Readlink(b)
	if err != nil {
		return err
	}
	if x != y {
		return fmt.Errorf("link %s leads to %q and %q", a, x, y)
	}
	return nil
}

func sameFile(a, b string) error {
	x, err := os.ReadFile(a)
	if err != nil {
		return err
	}
	y, err := os.ReadFile(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		return fmt.Errorf("file %s differs", a)
	}
	return nil
}
