package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/space"
)

// parcelType is what stands in the first and last line of a parcel.
const parcelType = "COBOX PARCEL"

// Bounds of what a parcel may make a computer hold.
const (
	maxParcelText   = identity.MaxParcel*3/2 + 1024 // base64, with line ends
	maxParcelSpaces = 1024
	maxParcelFeeds  = 4096 // of one space
)

// A parcel is what a device gets from the computer that adds it: the content of
// identity.SealParcel, as JSON. DEVICES.md has it in full.
type parcel struct {
	Cert    string        `json:"cert"` // the device certificate, a statement's text
	Name    string        `json:"name"` // how the partner calls the device
	Label   string        `json:"label"`
	Revoked string        `json:"revoked,omitempty"` // the list of revoked devices, a statement's text
	Spaces  []parcelSpace `json:"spaces"`
}

// A parcelSpace is what it takes to work on a space.
type parcelSpace struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Secret string   `json:"secret"` // hex
	Feeds  []string `json:"feeds"`
	Boxes  []string `json:"boxes"`
}

// seal returns the parcel's text for a device.
func (p *parcel) seal(partner ed25519.PrivateKey, to identity.DeviceKey, now time.Time) ([]byte, error) {
	content, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	sealed, err := identity.SealParcel(partner, to, now, content)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: parcelType, Bytes: sealed}), nil
}

// errParcel says that a text is no parcel.
var errParcel = errors.New(`not a parcel: it begins with the line "-----BEGIN COBOX PARCEL-----" and ends with one like it`)

// readParcel reads a parcel's text.
func readParcel(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxParcelText+1))
	if err != nil {
		return nil, fmt.Errorf("reading the parcel: %w", err)
	}
	if len(text) > maxParcelText {
		return nil, fmt.Errorf("reading the parcel: it is longer than %d bytes", maxParcelText)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != parcelType || len(block.Headers) > 0 {
		return nil, fmt.Errorf("reading the parcel: %w", errParcel)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("reading the parcel: there is more after it; it takes one parcel at a time")
	}
	return block.Bytes, nil
}

// A delivered parcel is one that was opened and checked.
type delivered struct {
	parcel  *parcel
	partner identity.PartnerKey
	cert    identity.DeviceCert
	label   labelKey
	spaces  []*spaceFile
}

// openParcel opens a parcel with this device's key and checks everything in it.
// The partner who signed it is to be checked by a person.
func openParcel(device ed25519.PrivateKey, sealed []byte, now time.Time) (*delivered, error) {
	content, partner, err := identity.OpenParcel(device, sealed)
	if err != nil {
		return nil, err
	}
	d := &delivered{parcel: new(parcel), partner: partner}
	if err := json.Unmarshal(content, d.parcel); err != nil {
		return nil, fmt.Errorf("opening parcel: %w", err)
	}
	if err := d.check(device, now); err != nil {
		return nil, fmt.Errorf("opening parcel: %w", err)
	}
	return d, nil
}

func (d *delivered) check(device ed25519.PrivateKey, now time.Time) error {
	st, err := identity.ParseStatement([]byte(d.parcel.Cert))
	if err == nil {
		d.cert, err = identity.OpenDeviceCert(st, identity.DeviceKeyOf(device))
	}
	if err == nil {
		err = d.cert.CheckTime(now)
	}
	switch {
	case err != nil:
		return err
	case d.cert.Partner != d.partner:
		return fmt.Errorf("the certificate in it is by another partner, %s", d.cert.Partner)
	}
	if err := checkDeviceName(d.parcel.Name); err != nil {
		return err
	}
	label, err := parseSecret(d.parcel.Label)
	if err != nil {
		return fmt.Errorf("the label key: %w", err)
	}
	d.label = labelKey(label)
	if d.parcel.Revoked != "" {
		if err := d.checkRevoked(); err != nil {
			return err
		}
	}
	if len(d.parcel.Spaces) > maxParcelSpaces {
		return fmt.Errorf("%d spaces, more than %d", len(d.parcel.Spaces), maxParcelSpaces)
	}
	for _, p := range d.parcel.Spaces {
		sp, err := p.file()
		if err != nil {
			return fmt.Errorf("space %.80q: %w", p.Name, err)
		}
		d.spaces = append(d.spaces, sp)
	}
	return nil
}

func (d *delivered) checkRevoked() error {
	st, err := identity.ParseStatement([]byte(d.parcel.Revoked))
	if err != nil {
		return err
	}
	list, err := identity.OpenRevoked(st, d.partner)
	if err == nil && list.Has(d.cert.Device) {
		err = errors.New("this device is in the list of revoked devices that came with it: it needs a new key")
	}
	return err
}

// file checks a space and returns what is kept of it.
func (p *parcelSpace) file() (*spaceFile, error) {
	if err := checkName(p.Name); err != nil {
		return nil, err
	}
	if _, err := space.ParseID(p.ID); err != nil {
		return nil, err
	}
	if _, err := parseSecret(p.Secret); err != nil {
		return nil, err
	}
	if len(p.Feeds) > maxParcelFeeds || len(p.Boxes) > maxBoxes {
		return nil, fmt.Errorf("%d feeds on %d boxes, more than %d on %d", len(p.Feeds), len(p.Boxes), maxParcelFeeds, maxBoxes)
	}
	for _, text := range p.Feeds {
		if _, err := feed.ParseKey(text); err != nil {
			return nil, err
		}
	}
	return &spaceFile{ID: p.ID, Secret: p.Secret, Name: p.Name, Feeds: p.Feeds, Boxes: p.Boxes}, nil
}

func parseSecret(text string) (space.Secret, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(space.Secret{}) {
		return space.Secret{}, errors.New("a secret has 64 hex digits")
	}
	return space.Secret(b), nil
}
