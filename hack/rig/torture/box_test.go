package torture

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/seeder"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
	"cobox/seeder/swarm"
)

// A box is a seeder on a disk that can be broken. Its methods are for one goroutine.
type box struct {
	w    *world
	name string
	key  ed25519.PrivateKey
	boot int  // how often it was started
	hurt bool // its disk failed in a way that only a restart mends

	state string // the state folder
	disk  *storetest.Disk
	s     *seeder.Seeder
	host  *host
	stop  context.CancelFunc
	ended chan error
}

func (w *world) newBox(n int) (*box, error) {
	b := &box{w: w, name: fmt.Sprint("box ", n), key: keyOf(byte(10 + n))}
	b.state = filepath.Join(w.dir, fmt.Sprintf("b%d.0", n))
	if err := os.MkdirAll(b.state, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(b.state, "box.key"), b.key.Seed(), 0o600); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *box) id() swarm.PeerID { return idOf(b.key) }

// renewDisk puts a disk without faults under the state folder.
func (b *box) renewDisk() (err error) {
	b.disk, err = storetest.NewDisk(filepath.Join(b.state, "store"), chance(b.w.seed, fmt.Sprint(b.name, " disk ", b.boot)))
	if err == nil {
		b.disk.Faults(func(f *storetest.Faults) { f.Lies = b.w.planted == lyingDisk })
	}
	return err
}

// start opens the box and runs it.
func (b *box) start() error {
	b.boot++
	cfg := seeder.Config{
		State: b.state, Operators: []identity.OperatorKey{identity.OperatorKeyOf(b.w.operator)},
		Capacity: 1 << 30, ScrubRate: 1 << 20, Log: b.w.logger(b.name),
		Outside: seeder.Outside{
			Host: func(c swarm.Config) (seeder.Host, error) {
				b.host = b.w.net.join(c)
				return b.host, nil
			},
			Listen: func(string) (net.Listener, error) {
				return b.w.net.join(swarm.Config{Key: keyOf(1)}).Listener("socket"), nil
			},
			Store: store.Config{Step: b.disk.Step, MemTable: 1 << 20},
		},
	}
	s, err := seeder.Open(cfg)
	if err != nil {
		return fmt.Errorf("starting %s: %w", b.name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.s, b.stop, b.ended = s, cancel, make(chan error, 1)
	go func() { b.ended <- s.Run(ctx) }()
	return nil
}

// end stops the box, as seederd ends.
func (b *box) end() error {
	if b.s == nil {
		return nil
	}
	b.stop()
	err := <-b.ended
	b.s, b.host = nil, nil
	return err
}

// crash takes the power away, and leaves a state folder as a crash leaves it.
func (b *box) crash(quiet time.Duration) error {
	b.disk.Kill()
	if b.host != nil {
		b.host.cutAll(quiet)
	}
	next := filepath.Join(b.w.dir, fmt.Sprintf("%s.%d", filepath.Base(b.state)[:2], b.boot))
	err := copyBut(b.state, next, "store")
	if err == nil {
		err = b.disk.Crash(filepath.Join(next, "store"))
	}
	_ = b.end() // nothing can be closed in order
	err = errors.Join(err, os.RemoveAll(b.state))
	b.state = next
	return errors.Join(err, b.renewDisk())
}

// copyBut copies a folder without one of its folders.
func copyBut(from, to, but string) error {
	return errors.Join(os.CopyFS(to, without{os.DirFS(from), but}))
}

// check opens the store of a box that does not run, and looks whether all that was
// acknowledged is there, and nothing that does not verify.
func (b *box) check() error {
	s, err := store.Open(filepath.Join(b.state, "store"), store.Config{MemTable: 1 << 20})
	if err != nil {
		return fmt.Errorf("%s: what is left cannot be opened: %w", b.name, err)
	}
	defer func() { _ = s.Close() }()
	var errs []error
	errs = append(errs, b.checkQuota(s, b.w.mallory.partner))
	for _, p := range b.w.partners {
		for _, l := range p.logs {
			if err := b.checkLog(s, l); err != nil {
				errs = append(errs, fmt.Errorf("%s, feed %s: %w", b.name, l.Name, err))
			}
		}
		errs = append(errs, b.checkQuota(s, p))
	}
	for _, a := range b.w.acks {
		if err := b.checkAck(s, a); err != nil && a.box == b {
			errs = append(errs, fmt.Errorf("%s, feed %s: fork %d, length %d was acknowledged: %w", b.name, a.log.Name, a.fork, a.length, err))
		}
	}
	err = s.Scrub(context.Background(), 0, func(d store.Damage) {
		if !b.w.isRotten(b, d.Feed) && len(errs) < 5 {
			errs = append(errs, fmt.Errorf("%s: damage: %+v", b.name, d))
		}
	})
	return errors.Join(append(errs, err)...)
}

// checkLog looks that every block of a feed is its writer's.
func (b *box) checkLog(s *store.Store, l *feedlog.Log) error {
	f, err := s.Feed(l.Key())
	if err != nil {
		return nil // whether it must be there, acknowledgements say
	}
	h := f.Durable().Head
	blocks := l.Version(h.Hash)
	if h.Length > 0 && blocks == nil {
		return errors.New("the tree head is none that the writer signed")
	}
	for i := range h.Length + 10 {
		if !f.Known(i) {
			continue
		}
		got, err := f.Block(i, nil)
		if (err != nil || i >= h.Length || !bytes.Equal(got, blocks[i])) && !b.w.isRotten(b, l.Key()) {
			return fmt.Errorf("block %d is stored, and is not the writer's (error %v)", i, err)
		}
	}
	return nil
}

func (b *box) checkQuota(s *store.Store, p *partner) error {
	var sum uint64
	for _, l := range p.logs {
		if f, err := s.Feed(l.Key()); err == nil {
			sum += f.Durable().Head.Bytes
		}
	}
	if sum > p.quota {
		return fmt.Errorf("%s: %s has %d bytes, and a quota of %d", b.name, p.name, sum, p.quota)
	}
	return nil
}

// An ack is what a box has acknowledged.
type ack struct {
	box          *box
	log          *feedlog.Log
	fork, length uint64
	root         feed.Hash
}

func (b *box) checkAck(s *store.Store, a ack) error {
	blocks := a.log.Version(a.root)
	if blocks == nil || uint64(len(blocks)) != a.length {
		return errors.New("the writer never signed that")
	}
	f, err := s.Feed(a.log.Key())
	if err != nil {
		return err
	}
	h := f.Durable().Head
	if h.Fork > a.fork {
		return nil // the writer truncated it
	}
	if h.Fork < a.fork || h.Length < a.length {
		return fmt.Errorf("the tree head is fork %d, length %d", h.Fork, h.Length)
	}
	for i := range a.length {
		got, err := f.Block(i, nil)
		if !bytes.Equal(got, blocks[i]) && !b.w.isRotten(b, a.log.Key()) {
			return fmt.Errorf("block %d cannot be read (error %v)", i, err)
		}
	}
	return nil
}

func (w *world) logger(name string) *slog.Logger {
	if !*talk {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w.out, &slog.HandlerOptions{Level: slog.LevelDebug})).With("of", name)
}
