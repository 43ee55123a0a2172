package boottest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

// A sender is a box's owner and a partner in one, inside the test: it sees every
// receipt at the moment when the box gives it.
type sender struct {
	*story
	operator, partner ed25519.PrivateKey
	host              *swarm.Host
	feed              *store.Feed
	sign              func(feed.Head) (feed.Head, error)
	receipt           uint64 // length that the box has given a receipt for
}

func newSender(s *story) *sender {
	s.Helper()
	key := func() ed25519.PrivateKey {
		_, k, err := ed25519.GenerateKey(nil)
		if err != nil {
			s.Fatal(err)
		}
		return k
	}
	x := &sender{story: s, operator: key(), partner: key()}
	var err error
	// The owner's key is the device's, too: one host is enough.
	if x.host, err = swarm.New(swarm.Config{Key: x.operator}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = x.host.Close() })
	st, err := store.Open(filepath.Join(s.dir, "sender"), store.Config{})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = st.Close() })
	writer := key()
	m := feed.NewManifest(writer.Public().(ed25519.PublicKey))
	if x.feed, err = st.Create(m.Key()); err == nil {
		err = x.feed.SetManifest(m)
	}
	if err != nil {
		s.Fatal(err)
	}
	x.sign = func(h feed.Head) (feed.Head, error) { return feed.Sign(m.Key(), m, writer, h) }
	return x
}

// own pairs with the box, and gives the partner room.
func (x *sender) own(quota uint64) {
	x.Helper()
	var peer swarm.PeerID
	x.try("pairing", func(ctx context.Context) (err error) {
		if peer, err = x.host.Connect(ctx, x.addr); err != nil {
			return err
		}
		st, err := x.host.Open(ctx, peer, api.PairProtocol)
		if err != nil {
			return err
		}
		defer func() { _ = st.Close() }()
		_, err = pairing.Ask(ctx, st, pairing.Request{
			Claim: x.card.Label.Code.Claim(), Kind: pairing.Operator, Key: x.operator, Box: identity.PeerID(peer), Self: identity.PeerID(st.Local()),
		})
		return err
	})
	x.grant(quota)
}

// grant gives the partner room, and returns the number of the order. The door for
// operators opens when seederd has heard of them.
func (x *sender) grant(quota uint64) (seq uint64) {
	x.Helper()
	x.asOperator("granting room", func(ctx context.Context, c control.Client) error {
		state, err := c.State(ctx)
		if err != nil {
			return err
		}
		order, err := chain.SignOrder(x.operator, state.Chain.Head(), time.Now(), chain.Grant{
			Partner: identity.PartnerKeyOf(x.partner), Terms: chain.Terms{QuotaBytes: quota, MaxFeeds: 4},
		})
		if err != nil {
			return err
		}
		seq = state.Chain.Seq + 1
		_, err = c.Order(ctx, order)
		return err
	})
	return seq
}

// asOperator asks the box until it works.
func (x *sender) asOperator(what string, do func(context.Context, control.Client) error) {
	x.Helper()
	x.try(what, func(ctx context.Context) error {
		peer, err := x.host.Connect(ctx, x.addr)
		if err != nil {
			return err
		}
		tr := &http.Transport{DialContext: x.host.Dialer(peer, control.Protocol)}
		defer tr.CloseIdleConnections()
		return do(ctx, control.Client{HTTP: &http.Client{Transport: tr}})
	})
}

// try tries until it works: a box that has just been switched on is busy.
func (x *sender) try(what string, do func(context.Context) error) {
	x.Helper()
	all := x.within()
	for {
		ctx, cancel := context.WithTimeout(all, 30*time.Second)
		err := do(ctx)
		cancel()
		if err == nil {
			return
		}
		if all.Err() != nil {
			x.Fatalf("%s: %v", what, err)
		}
	}
}

// connect finds the box, and has the feed pinned.
func (x *sender) connect() (box *client.Box) {
	x.Helper()
	st, err := identity.SignDeviceCert(x.partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(x.partner), Device: identity.DeviceKeyOf(x.operator), Scope: identity.ScopeFull, Issued: time.Now().Add(-time.Hour),
	})
	if err != nil {
		x.Fatal(err)
	}
	x.try("connecting", func(ctx context.Context) error {
		var err error
		if box, err = client.New(x.host, st.Append(nil)).Connect(ctx, x.addr); err != nil {
			return err
		}
		_, err = box.Pin(ctx, x.feed.Key(), api.PinRequest{})
		return err
	})
	return box
}

// blockSize is small enough for many blocks under emulation.
const blockSize = 32 << 10

// content is what block i holds.
func content(i uint64) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], i)
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// send appends and replicates until ctx is done, or the box has hung up: at most ahead
// blocks at a time, and more when the box has given a receipt for them.
func (x *sender) send(ctx context.Context, box *client.Box, ahead uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ex := replicate.New(replicate.Config{})
	ex.Add(x.feed, replicate.Options{Writer: true})
	ended := make(chan error, 1)
	go func() { ended <- box.Replicate(ctx, ex) }()
	defer func() {
		cancel()
		<-ended
	}()
	for ctx.Err() == nil {
		if length := x.feed.State().Head.Length; length == x.receipt {
			for range 1 + rand.Uint64N(ahead) {
				if _, err := x.feed.Append(ctx, [][]byte{content(length)}, x.sign); err != nil {
					return err
				}
				length++
			}
		}
		r, err := x.ask(ctx, box)
		if err != nil {
			return err
		}
		x.receipt = max(x.receipt, r)
	}
	return ctx.Err()
}

// sendUntil sends until there are receipts for n blocks.
func (x *sender) sendUntil(box *client.Box, n uint64) {
	x.Helper()
	all := x.within()
	for x.receipt < n {
		ctx, cancel := context.WithTimeout(all, time.Second)
		err := x.send(ctx, box, 64)
		cancel()
		if all.Err() != nil || ctx.Err() == nil {
			x.Fatalf("sending, with receipts for %d blocks of %d that are wanted: %v", x.receipt, n, err)
		}
	}
}

// ask returns for how many blocks the box gives a receipt; 0 while it gives none,
// because not all that it knows of is on its disk.
func (x *sender) ask(ctx context.Context, box *client.Box) (uint64, error) {
	r, _, err := box.Receipt(ctx, identity.PartnerKeyOf(x.partner), x.feed.Key())
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.NotSynced {
		return 0, nil
	}
	return r.Length, err
}

// verify reads back what there are receipts for, from block first on.
func (x *sender) verify(box *client.Box, first uint64) {
	x.Helper()
	if x.receipt == 0 {
		return
	}
	reader := client.NewReader(replicate.Config{})
	reader.Open(x.feed.Key())
	ctx, cancel := context.WithCancel(x.within())
	defer cancel()
	go func() { _ = box.Replicate(ctx, reader.Exchange()) }()
	if _, err := reader.Head(ctx, x.feed.Key(), x.receipt); err != nil {
		x.Fatalf("the box has given a receipt for %d blocks, and shows no tree head of that length: %v", x.receipt, err)
	}
	var indexes []uint64
	for i := first; i < x.receipt; i++ {
		indexes = append(indexes, i)
	}
	reader.Prefetch(ctx, x.feed.Key(), indexes)
	for _, i := range indexes {
		b, err := reader.Block(ctx, x.feed.Key(), i)
		if err == nil && !bytes.Equal(b, content(i)) {
			err = fmt.Errorf("it holds something else")
		}
		if err != nil {
			x.Fatalf("reading block %d of %d that there is a receipt for: %v", i, x.receipt, err)
		}
	}
}

func peerOf(t *testing.T, id string) swarm.PeerID {
	t.Helper()
	p, err := swarm.ParsePeerID(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
