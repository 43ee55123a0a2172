package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

// The files of the home folder that have to do with devices.
const (
	requestFile = "device.request" // on a computer that another one adds: the request's text
	labelFile   = "label.key"      // on a computer that was added: its label key
	nameFile    = "device.name"    // how this computer is called in snapshots; the host name without it
	devicesFile = "devices.json"   // on a computer with the recovery phrase: those it has added
	revokedFile = "revoked"        // the newest list of revoked devices, as a statement's text
	boxesFile   = "boxes.json"     // the boxes that have welcomed us, by box ID, and how they were found
)

// errReadOnly is what a device may not do whose certificate is for reading.
var errReadOnly = cli.WithHint(errors.New("this computer may only read: it restores, and backs nothing up"),
	`a computer with other rights needs a new key: move the home folder away, "cobox device request" here, and "cobox device add -scope full" on the other computer`)

// needsMain is the error of what takes the partner key.
func needsMain(what string) error {
	return cli.WithHint(fmt.Errorf("%s takes the partner's key, which this computer does not have", what),
		"do it on the computer that has the recovery phrase (where cobox init or cobox recover was run)")
}

// openMain opens the home of a computer that has the partner key; what says in
// the error what that is needed for.
func openMain(what string) (*home, error) {
	h, err := openHome()
	if err == nil && h.secret == nil {
		err = needsMain(what)
	}
	return h, err
}

// readJoined reads what a computer without the root secret has.
func (h *home) readJoined() error {
	key, err := h.readKey(labelFile)
	if err == nil {
		_, err = os.Lstat(filepath.Join(h.dir, certFile)) // it is written last
	}
	switch {
	case err == nil:
		h.label = labelKey(key)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Lstat(filepath.Join(h.dir, requestFile)); err == nil {
		return cli.WithHint(errors.New("this computer waits to be added: it has no parcel yet"),
			`"cobox device add" on the computer with the recovery phrase makes one, from what "cobox device request" shows here; then "cobox device join"`)
	}
	return cli.WithHint(errors.New("there are no keys on this computer yet"),
		`"cobox init" makes new ones; "cobox recover" gets yours back with the recovery phrase; "cobox device request" asks another computer of yours to add this one`)
}

// readCert opens this device's certificate. One that has ended is read all the
// same: boxes say so, and give what there is to give.
func (h *home) readCert() error {
	st, err := identity.ParseStatement(h.cert)
	if err == nil {
		h.about, err = identity.OpenDeviceCert(st, identity.DeviceKeyOf(h.device))
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Join(h.dir, certFile), err)
	}
	return nil
}

// deviceName returns how this computer is called in snapshots.
func (h *home) deviceName() string {
	if text, err := os.ReadFile(filepath.Join(h.dir, nameFile)); err == nil && checkDeviceName(string(text)) == nil {
		return string(text)
	}
	name, err := os.Hostname()
	if err != nil {
		return "a computer"
	}
	return name
}
