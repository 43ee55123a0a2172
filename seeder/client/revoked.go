package client

import (
	"fmt"
	"time"

	"cobox/seeder/identity"
)

// revoked is a list of revoked devices with its statement; zero for none.
type revoked struct {
	list identity.Revoked
	text string
}

// SetRevoked makes the client show boxes this list of its partner's revoked
// devices (a statement's text), unless it knows a newer one already. The error
// says that it is no such list.
func (c *Client) SetRevoked(text []byte) error {
	r, err := c.openRevoked(string(text))
	if err != nil {
		return err
	}
	c.learn(r)
	return nil
}

// Revoked returns the newest list of revoked devices that is known, from
// [Client.SetRevoked] or from a box, and its statement's text. Both are zero
// when there is none.
func (c *Client) Revoked() (identity.Revoked, []byte) {
	r := c.shown()
	return r.list, []byte(r.text)
}

// Revoked returns the list of revoked devices that the box follows, as it told
// when we introduced ourselves, verified; zero for none. When it is not the one
// of [Client.Revoked], neither of the two replaces the other: the partner has to
// sign one that does (identity.Revoked.Next). kept is false when the box could
// not put the list on its disk: it has to be shown again.
func (b *Box) Revoked() (list identity.Revoked, kept bool) { return b.revoked, b.listKept }

func (c *Client) shown() revoked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revoked
}

// learn takes a newer list.
func (c *Client) learn(r revoked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.list.Replaces(c.revoked.list, time.Now()) == nil {
		c.revoked = r
	}
}

// compare looks at the list that a box handed back, and returns what it follows.
// A list that is not the partner's own word is an error: a box that makes one up
// is not to be trusted with anything, and the person should hear of it.
func (c *Client) compare(shown revoked, answer string) (identity.Revoked, error) {
	if answer == "" {
		return shown.list, nil
	}
	theirs, err := c.openRevoked(answer)
	if err != nil {
		return identity.Revoked{}, fmt.Errorf("what it hands out as the list of revoked devices is none: %w", err)
	}
	c.learn(theirs)
	return theirs.list, nil
}

func (c *Client) openRevoked(text string) (revoked, error) {
	st, err := identity.ParseStatement([]byte(text))
	if err != nil {
		return revoked{}, err
	}
	list, err := identity.OpenRevoked(st, c.partner)
	return revoked{list, text}, err
}
