package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/hack/rig/garble"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store/storetest"
	"cobox/seeder/swarm"
)

// malloryQuota is less than he writes.
const malloryQuota = 200_000

// Mallory is a partner with a small quota who does what nobody should.
type mallory struct {
	*partner
	twin *feedlog.Log // another history of a feed of his
}

func (s *scene) newMallory() (*mallory, error) {
	p, err := s.newPartner("mallory", false)
	if err != nil {
		return nil, err
	}
	m := &mallory{partner: p}
	m.begin()
	m.begin()
	m.twin = feedlog.New("mallory/twin", storetest.NewWriterOf(keyOf("mallory feed", 1)))
	return m, nil
}

func (m *mallory) run(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		m.misbehave(ctx, r, m.s.boxes[r.IntN(len(m.s.boxes))])
		pause(ctx, time.Duration(r.IntN(500))*time.Millisecond)
	}
}

// misbehave does one thing. What he gets away with is wrong; all other errors he has earned.
func (m *mallory) misbehave(ctx context.Context, r *rand.Rand, b *box) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(1+r.IntN(8))*time.Second)
	defer cancel()
	m.s.counts.misdeeds.Add(1)
	n := r.IntN(5)
	if n == 0 {
		m.s.wrong(m.stranger(ctx, r, b))
		return
	}
	c, err := m.client.Connect(ctx, *b.addr.Load())
	if err != nil {
		return
	}
	defer c.Close()
	switch n {
	case 1:
		m.s.wrong(m.pry(ctx, r, c))
	case 2:
		m.dally(ctx, r, m.host, b)
	default:
		m.scribble(ctx, r, c, b)
	}
}

// victim picks a feed of somebody else's.
func (m *mallory) victim(r *rand.Rand) (*partner, *feedlog.Log) {
	p := m.s.partners[r.IntN(len(m.s.partners))]
	logs := p.current()
	if len(logs) == 0 {
		return p, nil
	}
	return p, logs[r.IntN(len(logs))]
}

// pry asks for what is another's.
func (m *mallory) pry(ctx context.Context, r *rand.Rand, c *client.Box) error {
	p, l := m.victim(r)
	if l == nil {
		return nil
	}
	if _, _, err := c.Unpin(ctx, p.public(), l.Key()); err == nil {
		return wrongf("mallory unpinned feed %s", l.Name)
	}
	if _, _, err := c.Receipt(ctx, p.public(), l.Key()); err == nil {
		return wrongf("mallory has a receipt for feed %s", l.Name)
	}
	reader := client.NewReader(replicate.Config{})
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var session sync.WaitGroup
	session.Go(func() { reader.Fail(c.Replicate(ctx, reader.Exchange())) })
	defer func() {
		cancel()
		session.Wait()
	}()
	if h, err := reader.Head(ctx, l.Key(), 0); err == nil && h.Length > 0 {
		return wrongf("mallory read the head of feed %s", l.Name)
	}
	return nil
}

// dally opens streams, says nothing on some, nonsense on others, and reads from none.
func (m *mallory) dally(ctx context.Context, r *rand.Rand, h *swarm.Host, b *box) {
	junk := make([]byte, 1+r.IntN(100_000))
	for i := range junk {
		junk[i] = byte(r.Uint32())
	}
	protocols := []string{api.Protocol, api.ReplicateProtocol, api.PairProtocol, api.ControlProtocol}
	for range 1 + r.IntN(20) {
		s, err := h.Open(ctx, swarm.PeerID(identity.BoxKeyOf(b.key).PeerID()), protocols[r.IntN(len(protocols))])
		if err != nil {
			return
		}
		defer func() { _ = s.Reset() }()
		if r.IntN(2) == 0 {
			_ = s.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = s.Write(junk[:r.IntN(len(junk))])
		}
	}
	pause(ctx, time.Duration(r.IntN(4000))*time.Millisecond)
}

// scribble writes more than he may, and two histories, and changes what is said of it.
func (m *mallory) scribble(ctx context.Context, r *rand.Rand, c *client.Box, b *box) {
	logs := m.current()
	for _, l := range logs {
		_, _ = c.Pin(ctx, l.Key(), api.PinRequest{})
	}
	if r.IntN(4) == 0 {
		logs[0] = m.twin
	}
	for _, l := range logs {
		if l.Head().Bytes < 2*malloryQuota {
			l.Change(func(w *storetest.Writer) { w.Append(storetest.RandomBlocks(r, 1+r.IntN(5), 5000)...) })
		}
	}
	s, err := m.host.Open(ctx, swarm.PeerID(identity.BoxKeyOf(b.key).PeerID()), api.ReplicateProtocol)
	if err != nil {
		return
	}
	conn, err := replicate.Secure(ctx, s, true, []byte(s.Local()), []byte(s.Remote()))
	if err != nil {
		_ = s.Reset()
		return
	}
	x := replicate.New(replicate.Config{})
	for _, l := range logs {
		x.Add(l, replicate.Options{Writer: true})
	}
	_ = x.Serve(ctx, &garble.Conn{Conn: conn, Count: &m.s.counts.garbled, Rand: r, Every: 2 + r.IntN(20)}, replicate.Peer{Name: "box", Open: true})
}

// stranger comes with a key and a certificate of his own making.
func (m *mallory) stranger(ctx context.Context, r *rand.Rand, b *box) error {
	key := keyOf("stranger", r.Uint64())
	h, err := swarm.New(swarm.Config{Key: key})
	if err != nil {
		return err
	}
	defer func() { m.s.wrong(h.Close()) }()
	cert, err := identity.SignDeviceCert(key, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(key), Device: identity.DeviceKeyOf(key), Scope: identity.ScopeFull, Issued: time.Now(),
	})
	if err != nil {
		return err
	}
	if c, err := client.New(h, cert.Append(nil)).Connect(ctx, *b.addr.Load()); err == nil {
		c.Close()
		return errors.New("a stranger was welcome")
	}
	if _, err := h.Connect(ctx, *b.addr.Load()); err == nil {
		m.dally(ctx, r, h, b)
	}
	return nil
}
