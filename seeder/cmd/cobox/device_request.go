package main

import (
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

// request makes the keys of this device, once, and shows the request.
func (f *deviceFlags) request(c *cli.Call) error {
	if err := f.takes("request", "name"); err != nil {
		return err
	}
	if len(c.Args) > 0 {
		return cli.Misuse("device request takes no arguments")
	}
	dir, err := homeDir()
	if err != nil {
		return err
	}
	h := &home{dir: dir}
	key, err := h.makeRequest(f.name)
	if err != nil {
		return err
	}
	result := struct {
		Request string             `json:"request"`
		Device  identity.DeviceKey `json:"device"`
	}{identity.DeviceRequest(key), key}
	if err := c.Print(result, func(w io.Writer) { fmt.Fprintln(w, result.Request) }); err != nil {
		return err
	}
	c.Note("\nOn the computer that has the recovery phrase:\n\n\tcobox device add %s... -name NAME -space NAME -o FILE\n\nand then here: cobox device join FILE", result.Request[:17])
	return nil
}

// makeRequest makes what a computer needs that is to be added. Asked again it
// gives the same key. The request's file is written last: without it there is none.
func (h *home) makeRequest(name string) (identity.DeviceKey, error) {
	if _, err := os.Lstat(filepath.Join(h.dir, secretFile)); err == nil {
		return identity.DeviceKey{}, cli.WithHint(errors.New("this computer has the partner's keys: it needs nobody to add it"),
			"run cobox device request on the new computer, and cobox device add here")
	}
	if name != "" {
		if err := checkDeviceName(name); err != nil {
			return identity.DeviceKey{}, err
		}
	}
	if err := durable.Mkdir(filepath.Join(h.dir, spacesDir), 0o700); err != nil {
		return identity.DeviceKey{}, err
	}
	if name != "" {
		if err := durable.WriteFile(filepath.Join(h.dir, nameFile), []byte(name), 0o600); err != nil {
			return identity.DeviceKey{}, err
		}
	}
	_, err := os.Lstat(filepath.Join(h.dir, requestFile))
	switch {
	case err == nil: // asked again
	case errors.Is(err, fs.ErrNotExist):
		for _, name := range []string{writerFile, deviceFile} {
			var seed [32]byte
			_, _ = rand.Read(seed[:]) // never fails
			if err := durable.WriteFile(filepath.Join(h.dir, name), seed[:], 0o600); err != nil {
				return identity.DeviceKey{}, fmt.Errorf("keeping the keys: %w", err)
			}
		}
	default:
		return identity.DeviceKey{}, err
	}
	seed, err := h.readKey(deviceFile)
	if err != nil {
		return identity.DeviceKey{}, err
	}
	h.device = ed25519.NewKeyFromSeed(seed[:])
	key := identity.DeviceKeyOf(h.device)
	return key, durable.WriteFile(filepath.Join(h.dir, requestFile), []byte(identity.DeviceRequest(key)+"\n"), 0o600)
}
