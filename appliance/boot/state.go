package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// An owner is whom a file belongs to.
type owner struct{ user, group int }

var (
	root   = owner{0, 0}
	shared = owner{0, SeederGroup} // root's, and seederd may look
	seeder = owner{SeederUser, SeederGroup}
)

// A place is a folder or a file of the state folder, with its rights.
type place struct {
	name string
	mode fs.FileMode
	owner
}

// places are what the two daemons find in the state folder: what each may make is
// made here, so that neither needs rights in the folder itself.
var places = []place{
	{".", 0o750 | fs.ModeDir, shared},
	{"own", 0o700 | fs.ModeDir, root},
	{"store", 0o700 | fs.ModeDir, seeder},
	{"revoked", 0o700 | fs.ModeDir, seeder},
	// Both make a socket here, and take away only their own. The sockets get the
	// folder's group.
	{"run", 0o770 | fs.ModeDir | fs.ModeSetgid | fs.ModeSticky, shared},
	{"lock", 0o600, seeder},
}

// keyFile is the box key, which both daemons read.
var keyFile = place{"box.key", 0o640, shared}

// prepareState makes the state folder and gives everything in it its rights, and the
// box key, where there is one.
// chown is os.Chown on a box.
func prepareState(state string, chown func(path string, user, group int) error) error {
	if err := durable.Mkdir(state, 0o750); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	for _, p := range places {
		if err := p.prepare(state, chown); err != nil {
			return fmt.Errorf("making the state folder: %w", err)
		}
	}
	if hasKey(state) {
		if err := keyFile.allow(filepath.Join(state, keyFile.name), chown); err != nil {
			return fmt.Errorf("making the state folder: %w", err)
		}
	}
	return durable.SyncDir(state)
}

func (p place) prepare(state string, chown func(path string, user, group int) error) error {
	path := filepath.Join(state, p.name)
	if p.mode.IsDir() {
		if err := durable.Mkdir(path, p.mode.Perm()); err != nil {
			return err
		}
	} else {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, p.mode.Perm())
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return p.allow(path, chown)
}

// allow sets the owner and then the mode: a change of owner drops mode bits.
func (p place) allow(path string, chown func(path string, user, group int) error) error {
	return errors.Join(chown(path, p.user, p.group), os.Chmod(path, p.mode))
}

// maxCopied bounds what is copied into memory from a state folder that cannot be
// written to: a chain of orders is no longer than that.
const maxCopied = 96 << 20

// copyOwnership copies what says whose the box is, and its key, to a state folder
// in memory: the box then knows its operators, though it can keep nothing.
func copyOwnership(from, to string) error {
	var left int64 = maxCopied
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case rel == "." || rel == keyFile.name:
		case rel == "own" || filepath.Dir(rel) == "own" || filepath.Dir(filepath.Dir(rel)) == "own":
		case e.IsDir():
			return fs.SkipDir
		default:
			return nil
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if left -= info.Size(); left < 0 {
			return fmt.Errorf("%s and the rest are larger than can be copied", rel)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o600)
	})
	if err != nil {
		return fmt.Errorf("reading whose the box is: %w", err)
	}
	return nil
}
