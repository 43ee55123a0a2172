package torture

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store/storetest"
	"cobox/seeder/swarm"
)

// A partner has some logs, and one computer that shows them to the boxes.
type partner struct {
	w      *world
	name   string
	key    ed25519.PrivateKey
	device ed25519.PrivateKey
	quota  uint64
	logs   []*feedlog.Log
	lists  bool                // whether he signs a list of keepers
	shuns  atomic.Pointer[box] // to which his computer does not go now

	host     *host
	client   *client.Client
	exchange *replicate.Exchange
	stop     context.CancelFunc
	running  sync.WaitGroup
}

func (w *world) newPartner(n int, quota uint64) *partner {
	return &partner{
		w: w, name: fmt.Sprint("partner ", n), quota: quota,
		key: keyOf(byte(40 + 2*n)), device: keyOf(byte(41 + 2*n)),
	}
}

func (p *partner) public() identity.PartnerKey { return identity.PartnerKeyOf(p.key) }

// grant has a box take in the operator's word for the partner.
func (p *partner) grant(b *box) error {
	quota := p.quota
	if p.w.planted == overQuota {
		quota *= 10
	}
	st, err := identity.SignGrant(p.w.operator, identity.Grant{
		Box: identity.BoxKeyOf(b.key), Partner: p.public(), QuotaBytes: quota, MaxFeeds: 8, Issued: p.w.epoch,
	})
	if err != nil {
		return err
	}
	_, err = b.s.AddGrant(st.Append(nil))
	return err
}

// join puts the partner's computer into the network.
func (p *partner) join() error {
	as := p
	if p.w.planted == openDoor && p.name == "mallory" {
		as = p.w.partners[0]
	}
	st, err := identity.SignDeviceCert(as.key, identity.DeviceCert{
		Partner: as.public(), Device: identity.DeviceKeyOf(p.device), Scope: identity.ScopeFull, Issued: p.w.epoch,
	})
	if err != nil {
		return err
	}
	p.host = p.w.net.join(swarm.Config{Key: p.device})
	p.client = client.New(p.host, st.Append(nil))
	return nil
}

// start has the partner's computer go to all boxes, over and over.
func (p *partner) start() error {
	if err := p.join(); err != nil {
		return err
	}
	p.exchange = replicate.New(replicate.Config{Log: p.w.logger(p.name)})
	for _, l := range p.logs {
		p.exchange.Add(l, replicate.Options{Writer: true})
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	for _, b := range p.w.boxes {
		r := chance(p.w.seed, p.name+" to "+b.name)
		p.running.Go(func() { p.visit(ctx, b, r) })
	}
	return nil
}

// visit keeps a session with a box.
func (p *partner) visit(ctx context.Context, b *box, r *rand.Rand) {
	for ctx.Err() == nil {
		if p.shuns.Load() != b {
			_ = p.session(ctx, b)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(1+r.IntN(4000)) * time.Millisecond):
		}
	}
}

func (p *partner) session(ctx context.Context, b *box) error {
	opening, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c, err := p.client.Connect(opening, b.id().String())
	if err != nil {
		return err
	}
	defer c.Close()
	for _, l := range p.logs {
		if _, err := c.Pin(opening, l.Key(), api.PinRequest{}); err != nil {
			return err
		}
	}
	if err := p.listBoxes(opening, c); err != nil {
		return err
	}
	cancel()
	return c.Replicate(ctx, p.exchange)
}

func (p *partner) end() error {
	p.stop()
	p.running.Wait()
	return p.host.Close()
}

// write appends some blocks to a log, or truncates it first.
func (p *partner) write(r *rand.Rand, l *feedlog.Log) {
	l.Change(func(w *storetest.Writer) {
		if r.IntN(8) == 0 && !p.w.slowDisk {
			w.Truncate(r.IntN(len(w.Blocks)+1), p.blocks(r)...)
			return
		}
		w.Append(p.blocks(r)...)
	})
}

// unpin takes a log from a box. The next session pins it again.
func (p *partner) unpin(b *box, l *feedlog.Log) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p.w.acks = slices.DeleteFunc(p.w.acks, func(a ack) bool { return a.box == b && a.log == l })
	if c, err := p.client.Connect(ctx, b.id().String()); err == nil {
		_, _, _ = c.Unpin(ctx, p.public(), l.Key()) // whether it did is all the same: nothing is promised any more
		c.Close()
	}
	p.host.cutAll(0)
}

func (p *partner) blocks(r *rand.Rand) [][]byte {
	size := []int{10, 1000, 20_000}[r.IntN(3)]
	return storetest.RandomBlocks(r, 1+r.IntN(20), size)
}

// ask asks a box for receipts, and notes what it acknowledges.
func (p *partner) ask(b *box) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := p.client.Connect(ctx, b.id().String())
	if err != nil {
		return nil // it does not answer now
	}
	defer c.Close()
	for _, l := range p.logs {
		r, _, err := c.Receipt(ctx, p.public(), l.Key())
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.Internal {
			return fmt.Errorf("%s asks %s for a receipt: %w", p.name, b.name, err)
		}
		if err == nil {
			p.w.counts.acks.Add(1)
			p.w.acks = append(p.w.acks, ack{b, l, r.Fork, r.Length, r.Root})
		}
	}
	return nil
}
