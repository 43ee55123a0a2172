package operator

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// The files of a home.
const (
	keyFile    = "operator.key" // the seed of the operator key, 32 bytes
	configFile = "config"       // "bootstrap ADDR", "relay ADDR", "mdns on|off"
	boxesDir   = "boxes"        // a file a box
)

// ErrNoKey says that a home has no operator key.
var ErrNoKey = errors.New("there is no operator key on this computer yet")

// A Home is the folder with an operator's key and what is known of the boxes.
type Home struct {
	dir string
	key ed25519.PrivateKey
}

// Open opens the home in a folder. The error wraps [ErrNoKey] when it has no key.
func Open(dir string) (*Home, error) {
	path := filepath.Join(dir, keyFile)
	seed, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoKey
	case err != nil:
		return nil, fmt.Errorf("reading the operator key: %w", err)
	case len(seed) != ed25519.SeedSize:
		return nil, fmt.Errorf("reading the operator key: %s has %d bytes instead of %d", path, len(seed), ed25519.SeedSize)
	}
	return &Home{dir, ed25519.NewKeyFromSeed(seed)}, nil
}

// Make makes the home in a folder, with a new key unless it has one, and opens it.
func Make(dir string) (*Home, error) {
	if h, err := Open(dir); !errors.Is(err, ErrNoKey) {
		return h, err
	}
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, fmt.Errorf("making the operator key: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, keyFile), seed, 0o600); err != nil {
		return nil, fmt.Errorf("keeping the operator key: %w", err)
	}
	return Open(dir)
}

// Operator returns the public half of the operator key.
func (h *Home) Operator() identity.OperatorKey { return identity.OperatorKeyOf(h.key) }

// Private returns the operator key.
func (h *Home) Private() ed25519.PrivateKey { return h.key }

// network is what the configuration file says about the network.
type network struct {
	bootstrap, relays []string
	mdns              bool
}

func (h *Home) network() (network, error) {
	var bootstrap, relays cli.Strings
	var mdns string
	fl := flag.NewFlagSet(configFile, flag.ContinueOnError)
	fl.Var(&bootstrap, "bootstrap", "")
	fl.Var(&relays, "relay", "")
	fl.StringVar(&mdns, "mdns", "on", "")
	path := filepath.Join(h.dir, configFile)
	if _, err := os.Stat(path); err == nil {
		if err := cli.ReadConfig(fl, path); err != nil {
			return network{}, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return network{}, fmt.Errorf("reading the configuration: %w", err)
	}
	return network{bootstrap, relays, mdns != "off"}, nil
}
