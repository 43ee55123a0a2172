package main

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// What is derived from the partner's root secret here: DEVICES.md beside this
// file is the specification.
const (
	contextSpace    = "cobox/space/v1"
	contextLabelKey = "cobox/label-key/v1"
	contextLabel    = "cobox/label/v1"
)

// labelPrefix begins the label of a pin that holds the ID of a space.
const labelPrefix = "space:"

// A labelKey hides which space a feed belongs to. Boxes keep it with the pin, so
// that the recovery phrase and a box are enough to find all spaces, and so that
// each device finds what the others back up.
type labelKey [32]byte

// spaceSecretOf returns the secret of one space. It opens all feeds of the space,
// those to come too, and nothing else: a device gets it for each space that it is
// to work on, and never the root secret, which makes a partner.
func spaceSecretOf(root space.Secret, id space.ID) space.Secret {
	return derive(root, contextSpace+string(id[:]))
}

func labelKeyOf(root space.Secret) labelKey { return labelKey(derive(root, contextLabelKey)) }

// derive is HKDF-SHA256 without salt: the secrets are uniformly random already.
func derive(secret space.Secret, info string) space.Secret {
	key, err := hkdf.Key(sha256.New, secret[:], nil, info, len(secret))
	if err != nil {
		panic("cobox: " + err.Error()) // only for an impossible length
	}
	return space.Secret(key)
}

// label returns the label of a feed's pin. It is another one for each feed, so
// that a box does not learn from it which feeds belong together.
func (k labelKey) label(id space.ID, key feed.Key) string {
	id = k.hide(id, key)
	return labelPrefix + hex.EncodeToString(id[:])
}

// space returns the space that a label names, false when it is no label of ours.
// Of a label that somebody else made it returns a space that nobody has.
func (k labelKey) space(label string, key feed.Key) (space.ID, bool) {
	text, ok := strings.CutPrefix(label, labelPrefix)
	if !ok {
		return space.ID{}, false
	}
	id, err := space.ParseID(text)
	if err != nil {
		return space.ID{}, false
	}
	return k.hide(id, key), true
}

// hide adds a pad to a space's ID that is used for this feed alone; to do it
// twice takes it away.
func (k labelKey) hide(id space.ID, key feed.Key) space.ID {
	pad := derive(space.Secret(k), contextLabel+string(key[:]))
	for i := range id {
		id[i] ^= pad[i]
	}
	return id
}

// spaceSecret returns the secret of a space, and its ID.
func (h *home) spaceSecret(sp *spaceFile) (space.Secret, space.ID, error) {
	id, err := space.ParseID(sp.ID)
	if err != nil {
		return space.Secret{}, id, fmt.Errorf("reading space %s: %w", sp.Name, err)
	}
	if h.secret != nil {
		return spaceSecretOf(*h.secret, id), id, nil
	}
	b, err := hex.DecodeString(sp.Secret)
	if err != nil || len(b) != len(space.Secret{}) {
		return space.Secret{}, id, fmt.Errorf("reading space %s: its secret is damaged: have this device added again (cobox device request)", sp.Name)
	}
	return space.Secret(b), id, nil
}

// labels returns how the pins of a space's feeds are labelled.
func (h *home) labels(sp *spaceFile) (func(feed.Key) string, error) {
	_, id, err := h.spaceSecret(sp)
	return func(key feed.Key) string { return h.label.label(id, key) }, err
}
