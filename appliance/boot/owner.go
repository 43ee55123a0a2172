package boot

import (
	"errors"
	"os"
	"path/filepath"

	"cobox/appliance/board"
	"cobox/provision"
	"cobox/provision/chain"
	"cobox/seeder/boxkey"
	"cobox/seeder/identity"
)

var errNoKey = errors.New("the box has no key")

// hostName returns what the machine is called: as operators named it, or else by
// the tag on its label.
func hostName(state string) string {
	if c, err := ownership(state); err == nil && c.Name != "" {
		return c.Name
	}
	if card, err := provision.ReadCard(state); err == nil && !card.Tag.IsZero() {
		return card.Tag.HostName()
	}
	return "cobox"
}

// hasKey reports whether there is a box key in a state folder: without it a box is
// nobody that anybody knows.
func hasKey(state string) bool {
	_, err := os.Lstat(filepath.Join(state, keyFile.name))
	return err == nil
}

// boxID returns the box ID, or "" for a box without a key.
func boxID(state string) string {
	if !hasKey(state) {
		return ""
	}
	key, err := boxkey.Load(state)
	if err != nil {
		return ""
	}
	return identity.BoxKeyOf(key).PeerID().String()
}

// ownership returns what the chain of orders amounts to.
func ownership(state string) (*chain.State, error) {
	if !hasKey(state) { // and none is to be made
		return nil, errNoKey
	}
	key, err := boxkey.Load(state)
	if err != nil {
		return nil, err
	}
	return chain.Load(filepath.Join(state, "own", "chain"), identity.BoxKeyOf(key))
}

// checkBoard returns whether the box runs on another board than it was set up on. A
// box that nobody has ever owned is at home on any: it keeps nothing, and somebody
// may have tried its card in another board before giving it away.
func checkBoard(state string, id board.ID) (cloned bool, err error) {
	cloned, err = board.Check(state, id)
	if err != nil || !cloned {
		return false, err
	}
	if c, err := ownership(state); err == nil && c.Seq == 0 {
		return false, board.Accept(state, id)
	}
	return true, nil
}
