package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Mallory is a partner with a small quota who says what he likes: he writes more
// than he may, contradicts himself, changes what goes over the wire, and tries to
// read, list and delete what others have. He knows their feed keys.
type mallory struct {
	*partner
	twin *feedlog.Log // another history of his first log

	mu    sync.Mutex
	deeds []error // what he did and must not have been able to; mu
}

const malloryQuota = 60_000

func (w *world) newMallory() *mallory {
	m := &mallory{partner: w.newPartner(9, malloryQuota)}
	m.name = "mallory"
	m.logs = []*feedlog.Log{newLog("mallory/0", 190), newLog("mallory/1", 191)}
	m.twin = newLog("mallory/twin", 190)
	return m
}

func (m *mallory) did(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deeds = append(m.deeds, fmt.Errorf("mallory "+format, args...))
}

func (m *mallory) start() error {
	if err := m.join(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	for _, b := range m.w.boxes {
		r := chance(m.w.seed, m.name+" to "+b.name)
		m.running.Go(func() {
			for ctx.Err() == nil {
				m.misbehave(ctx, b, r)
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(r.IntN(6000)) * time.Millisecond):
				}
			}
		})
	}
	return nil
}

// misbehave does one thing that nobody should.
func (m *mallory) misbehave(ctx context.Context, b *box, r *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(1+r.IntN(20))*time.Second)
	defer cancel()
	if r.IntN(6) == 0 {
		m.stranger(ctx, b)
		return
	}
	c, err := m.client.Connect(ctx, b.id().String())
	if err != nil {
		return
	}
	defer c.Close()
	for _, l := range m.logs {
		_, _ = c.Pin(ctx, l.Key(), api.PinRequest{})
	}
	switch r.IntN(5) {
	case 0:
		m.pry(ctx, c, r)
	case 1:
		m.read(ctx, c, r)
	case 2:
		_, l := m.victim(r)
		m.pose(ctx, b, c, l)
	default:
		m.garble(ctx, b, r)
	}
}

// victim picks a feed of somebody else's.
func (m *mallory) victim(r *rand.Rand) (*partner, *feedlog.Log) {
	p := m.w.partners[r.IntN(len(m.w.partners))]
	return p, p.logs[r.IntN(len(p.logs))]
}

// pry asks the API for what is not his.
func (m *mallory) pry(ctx context.Context, c *client.Box, r *rand.Rand) {
	m.w.counts.pried.Add(1)
	p, l := m.victim(r)
	if pins, err := c.Pins(ctx); err == nil {
		for _, st := range pins {
			if st.Partner != m.public() {
				m.did("was told of a pin of %s", st.Partner)
			}
		}
	}
	if _, _, err := c.Unpin(ctx, p.public(), l.Key()); err == nil {
		m.did("unpinned feed %s", l.Name)
	}
	if _, _, err := c.Receipt(ctx, p.public(), l.Key()); err == nil {
		m.did("has a receipt for feed %s", l.Name)
	}
}

// read asks for somebody else's feed over replication.
func (m *mallory) read(ctx context.Context, c *client.Box, r *rand.Rand) {
	m.w.counts.read.Add(1)
	_, l := m.victim(r)
	reader := client.NewReader(replicate.Config{})
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	var session sync.WaitGroup
	session.Go(func() { _ = c.Replicate(ctx, reader.Exchange()) })
	defer session.Wait()
	if h, err := reader.Head(ctx, l.Key(), 0); err == nil && h.Length > 0 {
		m.did("read the head of feed %s", l.Name)
	}
	if _, err := reader.Block(ctx, l.Key(), 0); err == nil {
		m.did("read block 0 of feed %s", l.Name)
	}
	cancel()
}

// stranger comes without a grant, and without having said who he is.
func (m *mallory) stranger(ctx context.Context, b *box) {
	key := keyOf(250)
	h := m.w.net.join(swarm.Config{Key: key})
	defer func() { _ = h.Close() }()
	st, err := identity.SignDeviceCert(key, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(key), Device: identity.DeviceKeyOf(key), Scope: identity.ScopeFull, Issued: m.w.epoch,
	})
	if err != nil {
		panic(err) // the key is his own
	}
	if c, err := client.New(h, st.Append(nil)).Connect(ctx, b.id().String()); err == nil {
		c.Close()
		m.did("was welcome without a grant")
	}
	s, err := h.Open(ctx, b.id(), api.ReplicateProtocol)
	if err != nil {
		return
	}
	defer func() { _ = s.Reset() }()
	_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := io.ReadFull(s, make([]byte, 32)); err == nil {
		m.did("was answered by replication without a word of who he is, with %d bytes", n)
	}
}

// garble replicates his logs, and changes what is said.
func (m *mallory) garble(ctx context.Context, b *box, r *rand.Rand) {
	s, err := m.host.Open(ctx, b.id(), api.ReplicateProtocol)
	if err != nil {
		return
	}
	conn, err := replicate.Secure(ctx, s, true, []byte(s.Local()), []byte(s.Remote()))
	if err != nil {
		_ = s.Reset()
		return
	}
	x := replicate.New(replicate.Config{})
	logs := []*feedlog.Log{m.logs[0], m.logs[1]}
	if r.IntN(4) == 0 {
		logs[0] = m.twin
	}
	for _, l := range logs {
		x.Add(l, replicate.Options{Writer: true})
	}
	_ = x.Serve(ctx, &garble.Conn{Conn: conn, Count: &m.w.counts.garbled, Rand: r, Every: 2 + r.IntN(20)}, replicate.Peer{Name: "box", Open: true})
}

// scribble writes more than he may, and two histories.
func (m *mallory) scribble(r *rand.Rand) {
	l := m.logs[r.IntN(2)]
	if r.IntN(4) == 0 {
		l = m.twin
	}
	l.Change(func(w *storetest.Writer) { w.Append(m.blocks(r)...) })
}

// account returns what he got away with.
func (m *mallory) account() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.deeds...)
}
