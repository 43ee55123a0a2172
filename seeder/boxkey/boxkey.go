// Package boxkey keeps the box key in the state folder, where both daemons of a
// box read it.
package boxkey

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// file holds the seed of the box key, 32 bytes. Both daemons read it.
const file = "box.key"

// Load returns the box key of a state folder, and makes one in a folder
// that has none. It never replaces a key that is damaged: the box would become
// another box, and its pins somebody else's.
func Load(state string) (ed25519.PrivateKey, error) {
	path := filepath.Join(state, file)
	seed, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if seed, err = create(path); err != nil {
			return nil, fmt.Errorf("making the box key: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("reading the box key: %w", err)
	case len(seed) != ed25519.SeedSize:
		return nil, fmt.Errorf("reading the box key: %s has %d bytes instead of %d; restore it from a copy, or begin with an empty state folder", path, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// create makes a key in a folder that has none. The two daemons may both try:
// the one who comes first wins, and both get the same key.
func create(path string) ([]byte, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	mine := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := durable.WriteFile(mine, seed, 0o600); err != nil {
		return nil, err
	}
	err := os.Link(mine, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(err, os.Remove(mine))
	}
	if err := errors.Join(os.Remove(mine), durable.SyncDir(filepath.Dir(path))); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
