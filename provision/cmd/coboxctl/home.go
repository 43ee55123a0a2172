package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// home returns the folder with the operator's key.
func home() (string, error) {
	if dir := os.Getenv("COBOXCTL_HOME"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the configuration folder: %w", err)
	}
	return filepath.Join(dir, "coboxctl"), nil
}

const keyFile = "operator.key"

// operatorKey reads the operator's key.
func operatorKey() (ed25519.PrivateKey, error) {
	dir, err := home()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, keyFile)
	seed, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, cli.WithHint(errors.New("there is no operator key on this computer yet"), "coboxctl init")
	case err != nil:
		return nil, fmt.Errorf("reading the operator key: %w", err)
	case len(seed) != ed25519.SeedSize:
		return nil, fmt.Errorf("reading the operator key: %s has %d bytes instead of %d", path, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func initCommand() cli.Command {
	return cli.Command{
		Name: "init", Short: "make the operator key, or show it",
		Help: `
Makes the operator key of this computer, unless there is one, and prints its
public half, which a box is told to obey:

	coboxctl init
	seederd -state box -operator operator:...`,
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("init takes no arguments")
			}
			key, err := makeOperatorKey()
			if err != nil {
				return err
			}
			result := struct {
				Operator identity.OperatorKey `json:"operator"`
			}{identity.OperatorKeyOf(key)}
			return c.Print(result, func(w io.Writer) { fmt.Fprintln(w, result.Operator) })
		},
	}
}

func makeOperatorKey() (ed25519.PrivateKey, error) {
	dir, err := home()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); err == nil {
		return operatorKey()
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
	return ed25519.NewKeyFromSeed(seed), nil
}
