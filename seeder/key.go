package seeder

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

// boxKeyFile holds the seed of the box key, 32 bytes. Both daemons read it.
const boxKeyFile = "box.key"

// LoadBoxKey returns the box key of a state folder, and makes one in a folder
// that has none. It never replaces a key that is damaged: the box would become
// another box, and its pins somebody else's.
func LoadBoxKey(state string) (ed25519.PrivateKey, error) {
	path := filepath.Join(state, boxKeyFile)
	seed, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		seed = make([]byte, ed25519.SeedSize)
		if _, err := rand.Read(seed); err != nil {
			return nil, fmt.Errorf("making the box key: %w", err)
		}
		if err := durable.WriteFile(path, seed, 0o600); err != nil {
			return nil, fmt.Errorf("keeping the box key: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("reading the box key: %w", err)
	case len(seed) != ed25519.SeedSize:
		return nil, fmt.Errorf("reading the box key: %s has %d bytes instead of %d; restore it from a copy, or begin with an empty state folder", path, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
