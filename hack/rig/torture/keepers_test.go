package torture

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
)

// keepersList signs a partner's list of keepers that names these keys.
func keepersList(w *world, partner ed25519.PrivateKey, keys ...ed25519.PrivateKey) (identity.Statement, error) {
	k := identity.Keepers{Partner: identity.PartnerKeyOf(partner), Issued: w.epoch, Counter: 1}
	for _, key := range keys {
		k.Boxes = append(k.Boxes, identity.Keeper{Box: identity.BoxKeyOf(key)})
	}
	slices.SortFunc(k.Boxes, func(a, b identity.Keeper) int { return bytes.Compare(a.Box[:], b.Box[:]) })
	return identity.SignKeepers(partner, k)
}

// listed reports whether somebody has told the boxes of each other.
func (w *world) listed() bool {
	return w.planted != gossip && slices.ContainsFunc(w.partners, func(p *partner) bool { return p.lists })
}

// listBoxes has a box follow the partner's list of all boxes, if the partner signs one.
func (p *partner) listBoxes(ctx context.Context, c *client.Box) error {
	if !p.lists {
		return nil
	}
	var keys []ed25519.PrivateKey
	for _, b := range p.w.boxes {
		keys = append(keys, b.key)
	}
	list, err := keepersList(p.w, p.key, keys...)
	if err == nil {
		_, err = c.SetKeepers(ctx, list)
	}
	return err
}

// mend has each partner who signs a list take all feeds from one box, pin them there
// again, and stay away from it: the box has to get them from another one.
func (w *world) mend() error {
	for _, p := range w.partners {
		if !p.lists {
			continue
		}
		b := w.boxes[w.r.IntN(len(w.boxes))]
		p.shuns.Store(b)
		p.host.cutAll(0)
		var last error
		if err := w.wait("what was pinned anew", func() string {
			if last = p.pinAnew(b); last != nil {
				return last.Error()
			}
			return ""
		}); err != nil {
			return err
		}
		w.counts.mended.Add(1)
		if err := w.wait(fmt.Sprintf("%s, to which %s does not go, to be filled by another box", b.name, p.name), w.missing); err != nil {
			return err
		}
		p.shuns.Store(nil)
	}
	return nil
}

// pinAnew takes all logs from a box, and pins them there again.
func (p *partner) pinAnew(b *box) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p.w.acks = slices.DeleteFunc(p.w.acks, func(a ack) bool { return a.box == b && slices.Contains(p.logs, a.log) })
	c, err := p.client.Connect(ctx, b.id().String())
	if err != nil {
		return err
	}
	defer c.Close()
	for _, l := range p.logs {
		if _, _, err := c.Unpin(ctx, p.public(), l.Key()); err != nil {
			if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.NotFound {
				return err
			}
		}
		if _, err := c.Pin(ctx, l.Key(), api.PinRequest{}); err != nil {
			return err
		}
	}
	return p.listBoxes(ctx, c)
}

// pose names himself as a box that keeps his feeds, and comes as that box for others'.
func (m *mallory) pose(ctx context.Context, b *box, c *client.Box, l *feedlog.Log) {
	m.w.counts.posed.Add(1)
	list, err := keepersList(m.w, m.key, b.key, m.device)
	if err != nil {
		panic(err) // the key is his own
	}
	if _, err := c.SetKeepers(ctx, list); err != nil {
		return
	}
	k, err := client.NewKeeper(m.host).Connect(ctx, b.id().String())
	if err != nil {
		return
	}
	defer k.Close()
	reader := client.NewReader(replicate.Config{})
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	var session sync.WaitGroup
	session.Go(func() { _ = k.Replicate(ctx, reader.Exchange()) })
	defer session.Wait()
	if h, err := reader.Head(ctx, l.Key(), 0); err == nil && h.Length > 0 {
		m.did("read the head of feed %s as a box", l.Name)
	}
	cancel()
}
