package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cobox/provision/operator"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

// homeDir returns the folder with the operator's key.
func homeDir() (string, error) {
	if dir := os.Getenv("COBOXCTL_HOME"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the configuration folder: %w", err)
	}
	return filepath.Join(dir, "coboxctl"), nil
}

// openHome opens the operator's home.
func openHome() (*operator.Home, error) {
	dir, err := homeDir()
	if err != nil {
		return nil, err
	}
	h, err := operator.Open(dir)
	if errors.Is(err, operator.ErrNoKey) {
		return nil, cli.WithHint(err, "coboxctl init")
	}
	return h, err
}

func initCommand() cli.Command {
	return cli.Command{
		Name: "init", Short: "make the operator key, or show it",
		Help: `
Makes the operator key of this computer, unless there is one, and prints its
public half. "coboxctl pair" does so by itself.

	coboxctl init

With what it prints you flash a card for a box of your own, which then needs no code
(mkimage personalise -owner).

The key is what boxes obey. Keep a copy of the folder ($COBOXCTL_HOME, or
coboxctl in your configuration folder), or make recovery codes for your boxes
("coboxctl help recovery").`,
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("init takes no arguments")
			}
			h, err := makeHome()
			if err != nil {
				return err
			}
			result := struct {
				Operator identity.OperatorKey `json:"operator"`
			}{h.Operator()}
			return c.Print(result, func(w io.Writer) { fmt.Fprintln(w, result.Operator) })
		},
	}
}

// makeHome opens the operator's home, which gets a key when it has none.
func makeHome() (*operator.Home, error) {
	dir, err := homeDir()
	if err != nil {
		return nil, err
	}
	return operator.Make(dir)
}
