package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// A joined is what "cobox device join -json" prints.
type joined struct {
	Partner identity.PartnerKey `json:"partner"`
	Device  identity.DeviceKey  `json:"device"`
	Name    string              `json:"name"`
	Scope   identity.Scope      `json:"scope"`
	Until   time.Time           `json:"until,omitzero"`
	Spaces  []string            `json:"spaces"`
}

// join opens the parcel and makes this computer the partner's device.
func (f *deviceFlags) join(c *cli.Call) error {
	if err := f.takes("join", "partner", "yes"); err != nil {
		return err
	}
	if len(c.Args) > 1 {
		return cli.Misuse("device join takes one parcel, in a file or from standard input")
	}
	h, err := openRequested()
	if err != nil {
		return err
	}
	in := bufio.NewReader(c.In)
	sealed, err := f.read(c, in)
	if err != nil {
		return err
	}
	d, err := openParcel(h.device, sealed, time.Now())
	if errors.Is(err, identity.ErrSealed) {
		err = cli.WithHint(err, "a parcel is for the key of one request: does cobox device request show the one that it was made for?")
	}
	if err == nil {
		err = f.confirm(c, in, d)
	}
	if err != nil {
		return err
	}
	if err := h.join(d); err != nil {
		return err
	}
	result := joined{Partner: d.partner, Device: d.cert.Device, Name: d.parcel.Name, Scope: d.cert.Scope, Until: d.cert.NotAfter, Spaces: []string{}}
	for _, sp := range d.spaces {
		result.Spaces = append(result.Spaces, sp.Name)
	}
	return c.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "this computer is %s of %s (%s, %s)\n", result.Name, result.Partner, result.Scope, dayText(result.Until))
		for _, name := range result.Spaces {
			fmt.Fprintf(w, "%s: cobox restore -space %s FOLDER\n", name, name)
		}
	})
}

// openRequested opens the home of a computer that has made a request.
func openRequested() (*home, error) {
	dir, err := homeDir()
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir}
	if _, err := os.Lstat(filepath.Join(dir, requestFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = cli.WithHint(errors.New("this computer has not asked to be added"), "cobox device request, and then cobox device add on the computer with the recovery phrase")
		}
		return nil, err
	}
	seed, err := h.readKey(deviceFile)
	if err != nil {
		return nil, err
	}
	h.device = ed25519.NewKeyFromSeed(seed[:])
	return h, nil
}

// read reads the parcel. At a terminal it ends with its last line, so that a
// person can paste it.
func (f *deviceFlags) read(c *cli.Call, in *bufio.Reader) ([]byte, error) {
	if len(c.Args) == 1 {
		file, err := os.Open(c.Args[0])
		if err != nil {
			return nil, fmt.Errorf("reading the parcel: %w", err)
		}
		defer func() { _ = file.Close() }()
		return readParcel(file)
	}
	if !c.Terminal() {
		return readParcel(in)
	}
	c.Note("paste the parcel, with its first and last line:")
	var text bytes.Buffer
	for text.Len() <= maxParcelText {
		line, err := in.ReadString('\n')
		text.WriteString(line)
		if err != nil || strings.HasPrefix(line, "-----END") {
			break
		}
	}
	return readParcel(&text)
}

// confirm makes sure that the parcel is from the right partner: anybody who
// knows this device's key can make one of his own, and would then read what is
// backed up here.
func (f *deviceFlags) confirm(c *cli.Call, in *bufio.Reader, d *delivered) error {
	if f.partner != "" {
		want, err := identity.ParsePartnerKey(f.partner)
		if err != nil {
			return &cli.Error{Code: cli.Usage, Err: err, Hint: "cobox whoami, on the computer that made the parcel, shows the key"}
		}
		if want != d.partner {
			return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("the parcel is by another partner, %s", d.partner), Hint: "do not use it: who joins another partner's spaces gives that partner what is backed up"}
		}
		return nil
	}
	c.Note("The parcel is by\n\n\t%s\n\nwhich must be what cobox whoami shows on the computer that made it.", d.partner)
	if f.yes || !c.Terminal() {
		return nil
	}
	fmt.Fprint(c.Err, "is it? (yes or no): ")
	line, err := in.ReadString('\n')
	if err != nil && line == "" {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if !strings.EqualFold(strings.TrimSpace(line), "yes") {
		return errors.New("nothing was changed")
	}
	return nil
}

// join writes what a parcel brought. The certificate is written last: a home
// without it has not joined. To join again brings a newer certificate, and
// spaces that are not there yet.
func (h *home) join(d *delivered) error {
	h.about = d.cert
	if text, err := os.ReadFile(filepath.Join(h.dir, certFile)); err == nil {
		h.cert = text
		if err := h.readCert(); err != nil {
			return err
		}
		switch {
		case h.about.Partner != d.partner:
			return cli.WithHint(fmt.Errorf("this computer is a device of another partner, %s", h.about.Partner), "use another folder (COBOX_HOME) for a second partner")
		case h.about.Issued.After(d.cert.Issued):
			return errors.New("this computer has a newer certificate than the one in the parcel: nothing was changed")
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the device certificate: %w", err)
	}
	for _, sp := range d.spaces {
		if err := h.joinSpace(sp); err != nil {
			return err
		}
	}
	if d.parcel.Revoked != "" {
		st, err := identity.ParseStatement([]byte(d.parcel.Revoked))
		if err != nil {
			return err
		}
		list, err := identity.OpenRevoked(st, d.partner)
		if err != nil {
			return err
		}
		if err := h.keepRevoked(list, []byte(d.parcel.Revoked)); err != nil {
			return err
		}
	}
	files := []struct {
		name string
		data []byte
	}{{nameFile, []byte(d.parcel.Name)}, {labelFile, d.label[:]}, {certFile, []byte(d.parcel.Cert)}}
	if _, err := os.Lstat(filepath.Join(h.dir, nameFile)); err == nil {
		files = files[1:] // the person at this computer has named it
	}
	for _, f := range files {
		if err := durable.WriteFile(filepath.Join(h.dir, f.name), f.data, 0o600); err != nil {
			return fmt.Errorf("joining: %w", err)
		}
	}
	return nil
}

// joinSpace adds a space, or to a space that is there what is new. It changes
// the name in sp when another space has it.
func (h *home) joinSpace(sp *spaceFile) error {
	all, err := h.spaces()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s *spaceFile) bool { return s.ID == sp.ID })
	if i < 0 {
		sp.Name = uniqueName(sp.Name, all)
		return h.writeSpace(sp)
	}
	old := all[i]
	for _, key := range sp.Feeds {
		if !slices.Contains(old.Feeds, key) {
			old.Feeds = append(old.Feeds, key)
		}
	}
	for _, box := range sp.Boxes {
		if !slices.Contains(old.Boxes, box) {
			old.Boxes = append(old.Boxes, box)
		}
	}
	old.Secret, sp.Name = sp.Secret, old.Name
	return h.writeSpace(old)
}
