package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
	"cobox/seeder/space"
)

// The files of the home folder. All of them can be made again from the recovery
// phrase and a box, but for the keys of this device, which are made new. A
// computer that was added by another one (cobox device join) has no secretFile:
// it has labelFile instead, and the secrets of its spaces in their files.
const (
	secretFile = "secret.key" // the partner's root secret, 32 bytes
	deviceFile = "device.key" // seed of this device's libp2p identity
	writerFile = "writer.key" // primary key of this device's feeds, in the manner of corestore
	certFile   = "device.cert"
	spacesDir  = "spaces"
	storeDir   = "store"
	indexDir   = "index" // what is known of each space without its blocks: where chunks are, the lists of large files
)

// A home is a partner's keys and caches on this computer.
type home struct {
	dir    string
	secret *space.Secret // nil on a computer that was added by another one
	label  labelKey
	device ed25519.PrivateKey
	writer [32]byte
	cert   []byte // the device certificate as a statement's text
	about  identity.DeviceCert
	// revoked is a list of revoked devices that a box handed out before the home
	// was saved; nil for none.
	revoked []byte
}

// homeDir returns the folder.
func homeDir() (string, error) {
	if dir := os.Getenv("COBOX_HOME"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the configuration folder: %w", err)
	}
	return filepath.Join(dir, "cobox"), nil
}

// openHome reads the keys of this computer.
func openHome() (*home, error) {
	dir, err := homeDir()
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir}
	secret, err := h.readKey(secretFile)
	switch {
	case err == nil:
		h.secret = (*space.Secret)(&secret)
		h.label = labelKeyOf(*h.secret)
	case errors.Is(err, fs.ErrNotExist):
		if err := h.readJoined(); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	device, err := h.readKey(deviceFile)
	if err != nil {
		return nil, err
	}
	h.device = ed25519.NewKeyFromSeed(device[:])
	if h.writer, err = h.readKey(writerFile); err != nil {
		return nil, err
	}
	if h.cert, err = os.ReadFile(filepath.Join(dir, certFile)); err != nil {
		return nil, fmt.Errorf("reading the device certificate: %w", err)
	}
	return h, h.readCert()
}

// newHome makes the keys of a new device for the partner with this secret. They
// are not kept before [home.save].
func newHome(secret space.Secret) (*home, error) {
	dir, err := homeDir()
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, secretFile)); err == nil {
		return nil, cli.WithHint(fmt.Errorf("%s has keys already: they are not replaced", dir),
			"use another folder (COBOX_HOME), or move this one away")
	}
	if _, err := os.Lstat(filepath.Join(dir, requestFile)); err == nil {
		return nil, cli.WithHint(fmt.Errorf("%s is that of a computer which another one adds, or has added (cobox device)", dir),
			"use another folder (COBOX_HOME), or move this one away")
	}
	h := &home{dir: dir, secret: &secret, label: labelKeyOf(secret)}
	var seed [32]byte
	for _, b := range [][]byte{seed[:], h.writer[:]} {
		if _, err := rand.Read(b); err != nil {
			return nil, fmt.Errorf("making keys: %w", err)
		}
	}
	h.device = ed25519.NewKeyFromSeed(seed[:])
	partner := secret.PartnerKey()
	cert, err := identity.SignDeviceCert(partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partner), Device: identity.DeviceKeyOf(h.device),
		Scope: identity.ScopeFull, Issued: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	h.cert = cert.Append(nil)
	return h, h.readCert()
}

// save keeps the keys. The secret is written last: a home without it is none.
func (h *home) save() error {
	if err := durable.Mkdir(filepath.Join(h.dir, spacesDir), 0o700); err != nil {
		return err
	}
	if h.revoked != nil {
		if err := durable.WriteFile(filepath.Join(h.dir, revokedFile), h.revoked, 0o600); err != nil {
			return fmt.Errorf("keeping the list of revoked devices: %w", err)
		}
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{deviceFile, h.device.Seed()}, {writerFile, h.writer[:]}, {certFile, h.cert}, {secretFile, h.secret[:]}} {
		if err := durable.WriteFile(filepath.Join(h.dir, f.name), f.data, 0o600); err != nil {
			return fmt.Errorf("keeping the keys: %w", err)
		}
	}
	return nil
}

func (h *home) readKey(name string) (key [32]byte, err error) {
	path := filepath.Join(h.dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		return key, fmt.Errorf("reading the keys: %w", err)
	}
	if len(b) != len(key) {
		return key, fmt.Errorf("reading the keys: %s has %d bytes instead of %d", path, len(b), len(key))
	}
	return [32]byte(b), nil
}

// partner returns the partner's public key.
func (h *home) partner() identity.PartnerKey { return h.about.Partner }

// deviceInfo is how this device names itself in snapshots, which only the
// partner can read.
func (h *home) deviceInfo() space.Device {
	d := space.Device{Name: h.deviceName()}
	public := h.device.Public().(ed25519.PublicKey)
	copy(d.ID[:], public)
	return d
}

// A spaceFile is what this computer keeps of a space.
type spaceFile struct {
	ID     string   `json:"id"`
	Secret string   `json:"secret,omitempty"` // on a computer without the root secret: that of the space, hex
	Name   string   `json:"name"`
	Source string   `json:"source,omitempty"` // the folder that is backed up from here; empty on a computer that only restores
	Feeds  []string `json:"feeds"`            // of all devices; this device's own is first, where it has one
	Own    bool     `json:"own"`              // the first feed is this device's
	Boxes  []string `json:"boxes"`            // where it is pinned: a box ID, or an address with one
	// Copies and Days are what the partner wants: so many boxes with all of it, and
	// none silent for longer. 0 means the defaults.
	Copies int `json:"copies,omitempty"`
	Days   int `json:"days,omitempty"`
}

func (h *home) spacePath(name string) string {
	return filepath.Join(h.dir, spacesDir, name+".json")
}

// checkName refuses names that are no good file names.
func checkName(name string) error {
	if name == "" || len(name) > 64 || strings.ContainsAny(name, "/\\\x00 ") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return cli.Misuse("%q is no name for a space: use up to 64 letters, digits, dots and dashes", name)
	}
	return nil
}

// readSpace reads one space; with an empty name the only one there is.
func (h *home) readSpace(name string) (*spaceFile, error) {
	if name == "" {
		all, err := h.spaces()
		if err != nil {
			return nil, err
		}
		if len(all) != 1 {
			return nil, cli.WithHint(fmt.Errorf("there are %d spaces: say which one", len(all)), "cobox space list")
		}
		return all[0], nil
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(h.spacePath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cli.WithHint(fmt.Errorf("there is no space %q on this computer", name), "cobox space list")
	}
	if err != nil {
		return nil, fmt.Errorf("reading space %s: %w", name, err)
	}
	var s spaceFile
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading %s: %w", h.spacePath(name), err)
	}
	return &s, nil
}

func (h *home) writeSpace(s *spaceFile) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(h.spacePath(s.Name), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("keeping space %s: %w", s.Name, err)
	}
	return nil
}

// spaces returns all spaces, by name.
func (h *home) spaces() (all []*spaceFile, err error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, spacesDir))
	if err != nil {
		return nil, fmt.Errorf("listing the spaces: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || checkName(name) != nil {
			continue
		}
		s, err := h.readSpace(name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
