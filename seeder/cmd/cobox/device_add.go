package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// A knownDevice is a device that this computer has added. The list is this
// computer's own: boxes do not hear of names.
type knownDevice struct {
	Name    string             `json:"name"`
	Key     identity.DeviceKey `json:"key"`
	Scope   identity.Scope     `json:"scope"`
	Spaces  []string           `json:"spaces"`
	Added   time.Time          `json:"added"`
	Until   time.Time          `json:"until,omitzero"`   // the last end of its certificates; zero for none
	Revoked time.Time          `json:"revoked,omitzero"` // when it was revoked here
}

// readDevices returns the devices that this computer has added, oldest first.
func (h *home) readDevices() (list []knownDevice, err error) {
	path := filepath.Join(h.dir, devicesFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of devices: %w", err)
	}
	return list, nil
}

// An added is what "cobox device add -json" prints.
type added struct {
	knownDevice
	Parcel string `json:"parcel,omitempty"` // the text, or
	File   string `json:"file,omitempty"`   // where it was written
}

// add certifies a device and makes its parcel.
func (f *deviceFlags) add(c *cli.Call) error {
	if err := f.takes("add", "name", "space", "scope", "until", "o"); err != nil {
		return err
	}
	if len(c.Args) != 1 {
		return cli.Misuse("device add needs the request that cobox device request shows on the new computer, in quotes where it has spaces")
	}
	if f.name == "" {
		return cli.Misuse("device add needs -name, a name for the new computer")
	}
	key, err := identity.ParseDeviceRequest(c.Args[0])
	if err != nil {
		return &cli.Error{Code: cli.Usage, Err: err, Hint: "cobox device request, on the new computer, shows it again"}
	}
	h, err := openMain("to add a device")
	if err != nil {
		return err
	}
	now := time.Now()
	d, err := f.device(h, key, now)
	if err != nil {
		return err
	}
	p, err := f.parcel(h, &d, now)
	if err != nil {
		return err
	}
	text, err := p.seal(h.secret.PartnerKey(), key, now)
	if err != nil {
		return err
	}
	// Noted first: a device that is not in the list could not be revoked by its name.
	if err := h.noteDevice(d); err != nil {
		return err
	}
	result := added{knownDevice: d, File: f.out}
	if f.out == "" {
		result.Parcel = string(text)
	} else if err := durable.WriteFile(f.out, text, 0o600); err != nil {
		return err
	}
	err = c.Print(result, func(w io.Writer) { fmt.Fprint(w, result.Parcel) })
	c.Note("%s may work on %v (%s, %s). On it: cobox device join -partner %s %s", d.Name, d.Spaces, d.Scope, dayText(d.Until), h.partner(), f.out)
	return err
}

// device returns what is to be noted of the new device, or why it is not added.
func (f *deviceFlags) device(h *home, key identity.DeviceKey, now time.Time) (knownDevice, error) {
	d := knownDevice{Name: f.name, Key: key, Scope: identity.Scope(f.scope), Added: now.UTC().Truncate(time.Second), Until: f.until.UTC()}
	if f.until.IsZero() {
		d.Until = time.Time{}
	}
	switch {
	case checkDeviceName(f.name) != nil:
		return d, checkDeviceName(f.name)
	case d.Scope != identity.ScopeFull && d.Scope != identity.ScopeRead:
		return d, cli.Misuse("-scope is full or read, not %q", f.scope)
	case !d.Until.IsZero() && d.Until.Before(now):
		return d, cli.Misuse("-until %s is over", f.until.String())
	case key == identity.DeviceKeyOf(h.device):
		return d, errors.New("this is the request of this computer itself")
	}
	revoked, _, err := h.readRevoked()
	if err != nil {
		return d, err
	}
	if revoked.Has(key) {
		return d, cli.WithHint(errors.New("this device was revoked: its key is good for nothing any more"),
			"on the device: move its home folder away, and cobox device request for a new key")
	}
	known, err := h.readDevices()
	if err != nil {
		return d, err
	}
	for _, k := range known {
		switch {
		case k.Key != key && k.Name == d.Name && k.Revoked.IsZero():
			return d, cli.WithHint(fmt.Errorf("there is a device %s already: %s", d.Name, k.Key), "choose another name, or revoke that one first")
		case k.Key == key && k.Scope == identity.ScopeFull && d.Scope == identity.ScopeRead:
			// It would go on using the certificate that it has.
			return d, cli.WithHint(fmt.Errorf("%s has a certificate for more than reading, which stays good", k.Name),
				"cobox device revoke "+k.Name+", and add it with a new key")
		}
	}
	return d, nil
}

// parcel makes the certificate and gathers what the device needs.
func (f *deviceFlags) parcel(h *home, d *knownDevice, now time.Time) (*parcel, error) {
	spaces, err := h.chosen(f.spaces)
	if err != nil {
		return nil, err
	}
	cert, err := identity.SignDeviceCert(h.secret.PartnerKey(), identity.DeviceCert{
		Partner: h.partner(), Device: d.Key, Scope: d.Scope, Issued: now, NotAfter: d.Until,
	})
	if err != nil {
		return nil, err
	}
	_, revoked, err := h.readRevoked()
	if err != nil {
		return nil, err
	}
	p := &parcel{Cert: cert.String(), Name: d.Name, Label: hex.EncodeToString(h.label[:]), Revoked: string(revoked)}
	for _, sp := range spaces {
		secret, _, err := h.spaceSecret(sp)
		if err != nil {
			return nil, err
		}
		p.Spaces = append(p.Spaces, parcelSpace{ID: sp.ID, Name: sp.Name, Secret: hex.EncodeToString(secret[:]), Feeds: sp.Feeds, Boxes: sp.Boxes})
		d.Spaces = append(d.Spaces, sp.Name)
	}
	return p, nil
}

// chosen returns the spaces with these names: all of them for "all", the only
// one there is for none.
func (h *home) chosen(names []string) (list []*spaceFile, err error) {
	if slices.Contains(names, "all") {
		if len(names) > 1 {
			return nil, cli.Misuse("-space all stands alone")
		}
		return h.spaces()
	}
	if len(names) == 0 {
		names = []string{""}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		sp, err := h.readSpace(name)
		if err != nil {
			return nil, err
		}
		list = append(list, sp)
	}
	return list, nil
}

// noteDevice puts a device into the list, or takes the place of what was there
// for its key.
func (h *home) noteDevice(d knownDevice) error {
	return h.alone(func() error {
		list, err := h.readDevices()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(k knownDevice) bool { return k.Key == d.Key })
		if i < 0 {
			return h.writeJSON(devicesFile, append(list, d))
		}
		// An earlier certificate stays good until its end, and so does what it knows.
		if old := list[i]; !d.Until.IsZero() && (old.Until.IsZero() || old.Until.After(d.Until)) {
			d.Until = old.Until
		}
		for _, name := range list[i].Spaces {
			if !slices.Contains(d.Spaces, name) {
				d.Spaces = append(d.Spaces, name)
			}
		}
		list[i] = d
		return h.writeJSON(devicesFile, list)
	})
}
