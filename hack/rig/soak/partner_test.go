package soak

import (
	"bytes"
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/seeder/api"
	"cobox/seeder/audit"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store/storetest"
	"cobox/seeder/swarm"
)

// counts say what was done, so that a soak in which nothing happens is seen to be one.
type counts struct {
	written, receipts, read, audits, draws, unpinned, refused, misdeeds, garbled atomic.Int64
}

func (c *counts) String() string {
	return fmt.Sprintf("%d blocks written, %d receipts, %d blocks read back and compared, %d audits of %d blocks, %d feeds unpinned; %d times a box was not there; mallory: %d misdeeds, %d frames changed",
		c.written.Load(), c.receipts.Load(), c.read.Load(), c.audits.Load(), c.draws.Load(), c.unpinned.Load(), c.refused.Load(), c.misdeeds.Load(), c.garbled.Load())
}

const (
	partnerFeeds = 3       // that a partner writes at a time
	feedBytes    = 4 << 20 // after which he begins a new one in its place
	// A partner may unpin his quota, and then once more of it in a day, before he has to wait: he
	// needs more than he has at a time.
	quotaBytes = 32 << 30
)

// A partner writes feeds, and has both boxes keep them.
type partner struct {
	s      *scene
	name   string
	key    ed25519.PrivateKey
	device ed25519.PrivateKey
	lists  bool // whether he tells the boxes of each other

	host     *swarm.Host
	client   *client.Client
	exchange *replicate.Exchange

	pinning sync.RWMutex // held while what is current is pinned; to write, when something is no longer

	mu       sync.Mutex
	logs     []*feedlog.Log     // mu
	feeds    uint64             // begun so far; mu
	heardOf  map[*box]time.Time // when a box last did what it was asked for; mu
	troubles map[*box]error     // what went wrong last with a session; mu
}

// heard returns when a box last did what it was asked for.
func (p *partner) heard(b *box) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heardOf[b].IsZero() {
		p.heardOf[b] = time.Now() // nobody has asked yet
	}
	return p.heardOf[b]
}

// trouble returns what went wrong last with a session with a box.
func (p *partner) trouble(b *box) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.troubles[b]
}

// note takes in how a session, or something that a box was asked for, went.
func (p *partner) note(b *box, err error) {
	p.mu.Lock()
	if err == nil {
		p.heardOf[b] = time.Now()
	} else {
		p.troubles[b] = err
	}
	p.mu.Unlock()
	p.s.try(err)
}

// keyOf returns a key for something of this name.
func keyOf(name string, n uint64) ed25519.PrivateKey {
	seed := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(name), n))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (s *scene) newPartner(name string, lists bool) (*partner, error) {
	p := &partner{s: s, name: name, key: keyOf(name, 0), device: keyOf(name+" device", 0), lists: lists, exchange: replicate.New(replicate.Config{}),
		heardOf: make(map[*box]time.Time), troubles: make(map[*box]error)}
	cert, err := identity.SignDeviceCert(p.key, identity.DeviceCert{
		Partner: p.public(), Device: identity.DeviceKeyOf(p.device), Scope: identity.ScopeFull, Issued: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	if p.host, err = swarm.New(swarm.Config{Key: p.device}); err != nil {
		return nil, err
	}
	p.client = client.New(p.host, cert.Append(nil))
	return p, nil
}

func (p *partner) public() identity.PartnerKey { return identity.PartnerKeyOf(p.key) }

func (p *partner) current() []*feedlog.Log {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.logs)
}

// begin begins a new feed.
func (p *partner) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feeds++
	l := feedlog.New(fmt.Sprintf("%s/%d", p.name, p.feeds), storetest.NewWriterOf(keyOf(p.name+" feed", p.feeds)))
	p.logs = append(p.logs, l)
	p.exchange.Add(l, replicate.Options{Writer: true})
}

// run has the partner's computer do what people do, until ctx is done, and keep up sessions
// with both boxes meanwhile.
func (p *partner) run(ctx context.Context, r *rand.Rand) {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for range partnerFeeds {
		p.begin()
	}
	for _, b := range p.s.boxes {
		sessions.Go(func() {
			for ctx.Err() == nil {
				if err := p.session(ctx, b); err != nil {
					p.note(b, err)
				}
				pause(ctx, 300*time.Millisecond)
			}
		})
	}
	for ctx.Err() == nil {
		p.act(ctx, r, p.s.boxes[r.IntN(len(p.s.boxes))])
		pause(ctx, time.Duration(r.IntN(300))*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// session pins everything on a box and shows it what there is, until one of them goes, or
// something new is to be pinned.
func (p *partner) session(ctx context.Context, b *box) error {
	c, err := p.connect(ctx, b)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := p.pin(ctx, c); err != nil {
		return err
	}
	if p.lists {
		list, err := p.list()
		if err != nil {
			return err
		}
		if _, err := c.SetKeepers(ctx, list); err != nil {
			return err
		}
	}
	return c.Replicate(ctx, p.exchange)
}

// pin pins all that is current.
func (p *partner) pin(ctx context.Context, c *client.Box) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	p.pinning.RLock()
	defer p.pinning.RUnlock()
	for _, l := range p.current() {
		if _, err := c.Pin(ctx, l.Key(), api.PinRequest{}); err != nil {
			return err
		}
	}
	return nil
}

// list signs the list of both boxes.
func (p *partner) list() (identity.Statement, error) {
	k := identity.Keepers{Partner: p.public(), Issued: time.Now(), Counter: uint64(time.Now().Unix())}
	for _, b := range p.s.boxes {
		addr := *b.addr.Load()
		k.Boxes = append(k.Boxes, identity.Keeper{Box: identity.BoxKeyOf(b.key), Addr: addr[:bytes.Index([]byte(addr), []byte("/p2p/"))]})
	}
	slices.SortFunc(k.Boxes, func(a, b identity.Keeper) int { return bytes.Compare(a.Box[:], b.Box[:]) })
	return identity.SignKeepers(p.key, k)
}

// connect goes to a box for a while.
func (p *partner) connect(ctx context.Context, b *box) (*client.Box, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return p.client.Connect(ctx, *b.addr.Load())
}

// act does one thing.
func (p *partner) act(all context.Context, r *rand.Rand, b *box) {
	ctx, cancel := context.WithTimeout(all, time.Minute)
	defer cancel()
	logs := p.current()
	l := logs[r.IntN(len(logs))]
	switch n := r.IntN(10); {
	case n < 4:
		p.write(all, r, l)
	case n < 6:
		p.note(b, p.ask(ctx, b, logs))
	case n < 8:
		p.note(b, p.readBack(ctx, r, b, l))
	default:
		p.note(b, p.audit(ctx, r, b, logs))
	}
}

// write appends to a feed. When it is full, all feeds of that age go, and a new one begins.
func (p *partner) write(ctx context.Context, r *rand.Rand, l *feedlog.Log) {
	if l.Head().Bytes > feedBytes {
		p.replace(ctx, l)
		return
	}
	blocks := storetest.RandomBlocks(r, 1+r.IntN(20), []int{10, 1000, 40_000}[r.IntN(3)])
	p.s.counts.written.Add(int64(len(blocks)))
	l.Change(func(w *storetest.Writer) { w.Append(blocks...) })
}

// replace unpins a feed on both boxes, and begins another one.
func (p *partner) replace(ctx context.Context, l *feedlog.Log) {
	p.pinning.Lock()
	p.mu.Lock()
	p.logs = slices.DeleteFunc(p.logs, func(o *feedlog.Log) bool { return o == l })
	p.mu.Unlock()
	p.pinning.Unlock()
	p.exchange.Remove(l.Key())
	p.begin()
	for _, b := range p.s.boxes {
		b.release(l)
		for ctx.Err() == nil {
			err := p.unpin(ctx, b, l)
			p.note(b, err)
			if err == nil {
				break
			}
			pause(ctx, time.Second)
		}
		p.s.counts.unpinned.Add(1)
		// The session pins what is new when it begins again.
		p.host.ClosePeer(swarm.PeerID(identity.BoxKeyOf(b.key).PeerID()))
	}
}

func (p *partner) unpin(ctx context.Context, b *box, l *feedlog.Log) error {
	c, err := p.connect(ctx, b)
	if err != nil {
		return err
	}
	defer c.Close()
	_, _, err = c.Unpin(ctx, p.public(), l.Key())
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.NotFound {
		return nil // its answer was lost, or it never had it
	}
	return err
}

// ask asks for receipts.
func (p *partner) ask(ctx context.Context, b *box, logs []*feedlog.Log) error {
	c, err := p.connect(ctx, b)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, l := range logs {
		got, _, err := c.Receipt(ctx, p.public(), l.Key())
		if err != nil {
			if e, ok := errors.AsType[*api.Error](err); ok && (e.Code == api.NotSynced || e.Code == api.NotFound) {
				continue
			}
			return err
		}
		if blocks := l.Version(got.Root); got.Length > 0 && uint64(len(blocks)) != got.Length {
			return wrongf("%s gives a receipt for %d blocks of feed %s with a root that nobody signed", b.name, got.Length, l.Name)
		}
		p.s.counts.receipts.Add(1)
		b.acknowledged(l, got)
	}
	return nil
}

// acked returns how much of a feed a box has acknowledged.
func (b *box) acked(l *feedlog.Log) (identity.Receipt, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.acks[l]
	return r, ok
}

// readBack reads some acknowledged blocks of a feed from a box, as a restore does.
func (p *partner) readBack(ctx context.Context, r *rand.Rand, b *box, l *feedlog.Log) error {
	ack, ok := b.acked(l)
	if !ok || ack.Length == 0 {
		return nil
	}
	c, err := p.connect(ctx, b)
	if err != nil {
		return err
	}
	defer c.Close()
	reader := client.NewReader(replicate.Config{})
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var session sync.WaitGroup
	session.Go(func() { reader.Fail(c.Replicate(ctx, reader.Exchange())) })
	defer func() {
		cancel()
		session.Wait()
	}()
	if _, err := reader.Head(ctx, l.Key(), ack.Length); err != nil {
		return err
	}
	for range 20 {
		i := r.Uint64N(ack.Length)
		got, err := reader.Block(ctx, l.Key(), i)
		if err != nil {
			return err
		}
		want, err := l.Block(i, nil)
		if err != nil || !bytes.Equal(got, want) {
			return wrongf("%s gives another block %d of feed %s, %v", b.name, i, l.Name, err)
		}
		p.s.counts.read.Add(1)
	}
	return nil
}

// audit has a box prove that it has what it has acknowledged.
func (p *partner) audit(ctx context.Context, r *rand.Rand, b *box, logs []*feedlog.Log) error {
	known := audit.Known{Heads: make(map[feed.Key]feed.Head)}
	var extents []audit.Extent
	for _, l := range logs {
		if ack, ok := b.acked(l); ok && ack.Length > 0 {
			known.Heads[l.Key()] = audit.HeadOf(ack)
			extents = append(extents, audit.Extent{Feed: l.Key(), Length: ack.Length})
		}
	}
	if len(extents) == 0 {
		return nil
	}
	c, err := p.connect(ctx, b)
	if err != nil {
		return err
	}
	defer c.Close()
	ch := &audit.Challenge{Draws: audit.Pick(r, extents, audit.PlanDaily)}
	if _, err := crand.Read(ch.Nonce[:]); err != nil {
		return err
	}
	report, _, err := c.Audit(ctx, ch, known, nil)
	if errors.Is(err, audit.ErrAnswer) {
		return wrongf("auditing %s: %w", b.name, err)
	}
	if err != nil {
		return err
	}
	p.s.counts.audits.Add(1)
	p.s.counts.draws.Add(int64(len(ch.Draws)))
	if failed := report.Failed(); len(failed) > 0 {
		return wrongf("an audit of %s fails in %d of %d blocks, the first: block %d, %v", b.name, len(failed), len(ch.Draws), failed[0].Block, failed[0].Err)
	}
	return nil
}
