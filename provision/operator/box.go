package operator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// A Box is what an operator's computer remembers of a box.
type Box struct {
	ID   identity.BoxKey `json:"id"`
	Name string          `json:"name,omitempty"` // its host name, when it was given one
	Tag  string          `json:"tag,omitempty"`  // as on its label
	Role chain.Role      `json:"role,omitempty"` // the operator's, when it answered last
	// Addrs are where it was last, full multiaddresses; at most eight.
	Addrs []string `json:"addrs,omitempty"`
	// Head is the newest head of the chain that was seen; its Seq is 0 for none.
	Head chain.Head `json:"head,omitzero"`
	Seen time.Time  `json:"seen,omitzero"` // when it answered last
}

// maxAddrs bounds the addresses that are remembered of a box.
const maxAddrs = 8

// Host returns the name that the box has on its network: the one that it was
// given, or the one on its label; its ID when neither is known.
func (b *Box) Host() string {
	if b.Name != "" {
		return b.Name
	}
	if tag, err := label.ParseTag(b.Tag); err == nil && b.Tag != "" {
		return tag.HostName()
	}
	return b.ID.PeerID().String()
}

// Called reports whether a person who says name can mean this box: by its name,
// its tag or its ID, also as a box key, or as an address with the ID.
func (b *Box) Called(name string) bool {
	if name == b.Name || name == b.ID.String() || name == b.ID.PeerID().String() || strings.HasSuffix(name, "/p2p/"+b.ID.PeerID().String()) {
		return true
	}
	tag, err := label.ParseTag(name)
	return err == nil && b.Tag != "" && tag.String() == b.Tag
}

// path returns a box's file.
func (h *Home) path(id identity.BoxKey) string {
	return filepath.Join(h.dir, boxesDir, id.PeerID().String()+".json")
}

// Boxes returns all boxes that are remembered, by host name.
func (h *Home) Boxes() ([]*Box, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, boxesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the boxes: %w", err)
	}
	var all []*Box
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		path := filepath.Join(h.dir, boxesDir, e.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("listing the boxes: %w", err)
		}
		var b Box
		if err := json.Unmarshal(text, &b); err != nil || b.ID.IsZero() {
			return nil, fmt.Errorf("reading %s: it is not what this program writes (%w): remove it, and name the box by its ID from then on", path, err)
		}
		all = append(all, &b)
	}
	slices.SortFunc(all, func(a, b *Box) int { return cmp.Compare(a.Host(), b.Host()) })
	return all, nil
}

var (
	// ErrNoBox says that no box is called like that.
	ErrNoBox = errors.New("there is no such box")
	// ErrWhichBox says that a name is missing, or is that of several boxes.
	ErrWhichBox = errors.New("say which box")
)

// Find returns the box that a person means, see [Box.Called]; the only one there
// is when name is empty. One that is not known here is found by its ID or an
// address with it, and is remembered once it has answered. Errors wrap
// [ErrNoBox] or [ErrWhichBox].
func (h *Home) Find(name string) (*Box, error) {
	all, err := h.Boxes()
	if err != nil {
		return nil, err
	}
	meant := all
	if name != "" {
		meant = slices.DeleteFunc(slices.Clone(all), func(b *Box) bool { return !b.Called(name) })
	}
	switch {
	case len(meant) == 1:
		return meant[0], nil
	case len(meant) > 1:
		names := make([]string, len(meant))
		for i, b := range meant {
			names[i] = b.Host()
			if name != "" {
				names[i] = b.ID.PeerID().String() // they have the same name
			}
		}
		return nil, fmt.Errorf("%w: %s", ErrWhichBox, strings.Join(names, ", "))
	case name == "":
		return nil, fmt.Errorf("%w: none is known on this computer", ErrNoBox)
	}
	id := name
	if i := strings.LastIndex(name, "/p2p/"); i >= 0 {
		id = name[i+len("/p2p/"):]
	}
	if key, err := identity.ParseBoxKey(id); err == nil {
		return &Box{ID: key}, nil
	}
	if key, err := boxKeyOf(id); err == nil {
		return &Box{ID: key}, nil
	}
	return nil, fmt.Errorf("%w: nothing on this computer is called %q", ErrNoBox, name)
}

// boxKeyOf reads a box ID, which is a libp2p peer ID.
func boxKeyOf(id string) (identity.BoxKey, error) {
	peer, err := identity.ParsePeerID(id)
	if err != nil {
		return identity.BoxKey{}, err
	}
	key, err := peer.Key()
	return identity.BoxKey(key), err
}

// Keep remembers a box.
func (h *Home) Keep(b *Box) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err == nil {
		err = durable.Mkdir(filepath.Join(h.dir, boxesDir), 0o700)
	}
	if err == nil {
		err = durable.WriteFile(h.path(b.ID), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("remembering box %s: %w", b.Host(), err)
	}
	return nil
}

// Forget removes a box from what is remembered, its head of the chain with it.
func (h *Home) Forget(b *Box) error {
	if err := os.Remove(h.path(b.ID)); err != nil {
		return fmt.Errorf("forgetting box %s: %w", b.Host(), err)
	}
	return nil
}

// learn takes over what a box says of itself.
func (b *Box) learn(st *control.State) {
	b.Name, b.Tag, b.Role = st.Chain.Name, st.Tag, st.Role
	b.Head, b.Seen = st.Chain.Head(), time.Now().UTC().Truncate(time.Second)
}

// at remembers an address, the newest first.
func (b *Box) at(addrs ...string) {
	for _, a := range slices.Backward(addrs) {
		b.Addrs = slices.DeleteFunc(b.Addrs, func(old string) bool { return old == a })
		b.Addrs = append([]string{a}, b.Addrs...)
	}
	b.Addrs = b.Addrs[:min(len(b.Addrs), maxAddrs)]
}
