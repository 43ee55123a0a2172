package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// perFolder is how many files a folder has: as people's folders, not one huge one.
const perFolder = 1000

// fill makes a folder with n files of random data, the same in every run.
func fill(dir string, n, size int) (payload int64, err error) {
	r := rand.NewChaCha8([32]byte{3})
	data := make([]byte, size)
	for i := range n {
		folder := dir
		if n > perFolder {
			folder = filepath.Join(dir, fmt.Sprint(i/perFolder))
		}
		if i%perFolder == 0 {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return 0, err
			}
		}
		_, _ = r.Read(data) // never fails
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%08d", i)), data, 0o600); err != nil {
			return 0, err
		}
		payload += int64(size)
	}
	return payload, nil
}

// changeByte changes one byte of a file.
func changeByte(path string, at int64) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0]++
	_, err = f.WriteAt(b, at)
	return err
}

// compare tells whether files below restored have the names and contents of those in
// source, wherever below it they are; want is how many, -1 for all of source.
func compare(source, restored string, want int) error {
	wanted := make(map[string]string) // by name, which is unique
	err := walk(source, func(path string) error {
		wanted[filepath.Base(path)] = path
		return nil
	})
	if err != nil {
		return err
	}
	if want < 0 {
		want = len(wanted)
	}
	found := 0
	err = walk(restored, func(path string) error {
		original, ok := wanted[filepath.Base(path)]
		if !ok {
			return fmt.Errorf("%s was never backed up", path)
		}
		a, err := os.ReadFile(original)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(a, b) {
			err = fmt.Errorf("%s came back with other contents", path)
		}
		found++
		return err
	})
	if err == nil && found != want {
		err = fmt.Errorf("%d files came back of %d", found, want)
	}
	return err
}

// walk calls fn for the files of a folder; Syncthing's own are passed over.
func walk(dir string, fn func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == ".stfolder":
			return filepath.SkipDir
		case e.IsDir():
			return nil
		}
		return fn(path)
	})
}
