package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/evidence"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/space"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

// A session is one run of a command that speaks with boxes: this device's libp2p
// host, its store of own feeds, and what it reads from boxes.
type session struct {
	h      *home
	store  *store.Store        // nil for commands that only read
	push   *replicate.Exchange // our own feeds, for boxes to fetch
	own    []*ownFeed          // in push
	forks  []*feed.ForkError   // that something else than push and reader has found
	reader *client.Reader
	client *client.Client
	host   *swarm.Host
	owners *owners
	lists  sync.Mutex // one at a time changes what is known of boxes and revoked devices
	liveMu sync.Mutex
	live   map[string]*client.Box // connected now, or when last used, by box ID; liveMu
	ctx    context.Context        // ends with the session
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// configFile may hold "bootstrap ADDR", "relay ADDR" and "mdns on|off" lines.
const configFile = "config"

// openSession starts the host. With write the store is opened too.
func openSession(ctx context.Context, h *home, write bool) (_ *session, err error) {
	s := &session{h: h, push: replicate.New(replicate.Config{}), reader: client.NewReader(replicate.Config{}), owners: h.readOwners(),
		live: make(map[string]*client.Box)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			s.cancel()
			if s.store != nil {
				err = errors.Join(err, s.store.Close())
			}
		}
	}()
	if write {
		if s.store, err = store.Open(filepath.Join(h.dir, storeDir), store.Config{}); err != nil {
			return nil, err
		}
	}
	cfg := swarm.Config{Key: h.device, MDNS: true, DHT: swarm.DHTClient, HolePunching: true}
	if err := readConfig(h, &cfg); err != nil {
		return nil, err
	}
	if len(cfg.Bootstrap) == 0 {
		cfg.DHT = swarm.DHTOff // nobody to ask
	}
	if s.host, err = swarm.New(client.Tuned(cfg)); err != nil {
		return nil, err
	}
	s.client = client.New(s.host, h.cert)
	if err := s.showRevoked(); err != nil {
		return nil, errors.Join(err, s.host.Close())
	}
	s.wg.Go(func() { _ = s.host.Run(s.ctx) })
	return s, nil
}

func readConfig(h *home, cfg *swarm.Config) error {
	var bootstrap, relays cli.Strings
	var mdns string
	fl := flag.NewFlagSet(configFile, flag.ContinueOnError)
	fl.Var(&bootstrap, "bootstrap", "")
	fl.Var(&relays, "relay", "")
	fl.StringVar(&mdns, "mdns", "on", "")
	path := filepath.Join(h.dir, configFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := cli.ReadConfig(fl, path); err != nil {
		return err
	}
	cfg.Bootstrap, cfg.Relays, cfg.MDNS = bootstrap, relays, mdns != "off"
	return nil
}

// close ends the session.
func (s *session) close() error {
	err := s.keepForks()
	s.cancel()
	s.wg.Wait()
	s.rememberRevoked()
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

// keepForks keeps the evidence of all forks that this session met. It returns an
// error when there were some: whatever else was done, a person must look.
func (s *session) keepForks() error {
	forks, hint := append(s.reader.Forks(), s.forks...), ""
	for _, f := range s.own {
		if e := f.Frozen(); e != nil {
			forks = append(forks, e)
			hint = ", then move " + s.h.dir + " away, and begin anew with cobox recover"
		}
	}
	var all error
	for _, e := range forks {
		told := error(e)
		if e.HaveProof != nil {
			path, err := s.h.keepFork(e)
			if err != nil {
				return errors.Join(e, err)
			}
			told = errors.Join(fmt.Errorf("%w; the evidence is %s", e, path), s.showFork(e))
		}
		all = errors.Join(all, told)
	}
	if all == nil {
		return nil
	}
	return &cli.Error{Code: cli.VerifyFailed, Err: all,
		Hint: "find out whether a device was restored from an old copy, or a key was stolen" + hint + "; cobox evidence verify FILE says more"}
}

// connected remembers a box that has welcomed us, for as long as the session.
func (s *session) connected(b *client.Box) {
	s.liveMu.Lock()
	defer s.liveMu.Unlock()
	s.live[b.ID()] = b
}

// showFork gives the evidence of a fork to the boxes of this session that keep the
// feed, so that all of them freeze it, and can give it to others.
func (s *session) showFork(e *feed.ForkError) error {
	text, err := (&evidence.File{Fork: e}).Marshal()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, connectTime)
	defer cancel()
	s.liveMu.Lock()
	defer s.liveMu.Unlock()
	var all error
	for id, b := range s.live {
		err := b.ShowEvidence(ctx, e.Key, text)
		if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code == api.NotFound {
			continue // it does not keep this feed
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("showing it to box %s: %w", id, err))
		}
	}
	return all
}

// keys returns the keys of a space.
func (s *session) keys(sp *spaceFile) (*space.Keys, error) {
	secret, id, err := s.h.spaceSecret(sp)
	if err != nil {
		return nil, err
	}
	return secret.Keys(id), nil
}

// feedKeys returns the keys of a space's feeds.
func feedKeys(sp *spaceFile) ([]feed.Key, error) {
	keys := make([]feed.Key, 0, len(sp.Feeds))
	for _, text := range sp.Feeds {
		k, err := feed.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("reading space %s: %w", sp.Name, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// How long to wait before a box is tried again, at first and at most.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// stay keeps replicating an exchange with a box until the session ends: when the
// connection breaks, it is made again. report hears of each failure, and of
// success with nil.
func (s *session) stay(target string, x *replicate.Exchange, report func(*client.Box, error)) {
	s.wg.Go(func() {
		wait := firstRetry
		for s.ctx.Err() == nil {
			b, err := s.client.Connect(s.ctx, target)
			if err == nil {
				s.owners.met(b)
				s.connected(b)
				s.shareKeepers(s.ctx, b)
				wait = firstRetry
				report(b, nil)
				err = b.Replicate(s.ctx, x)
				b.Close()
			}
			if s.ctx.Err() != nil {
				return
			}
			report(nil, err)
			select {
			case <-s.ctx.Done():
			case <-time.After(wait):
			}
			wait = min(2*wait, lastRetry)
		}
	})
}

// readFrom keeps reading from a box that the reader expects, until the session ends.
// report hears of each failure.
func (s *session) readFrom(target string, report func(error)) {
	s.stay(target, s.reader.Exchange(), func(b *client.Box, err error) {
		if b != nil {
			s.reader.Reached(target, b.ID())
			return
		}
		s.reader.Missed(target, err)
		report(err)
	})
}

// blocks reads from this device's own store first, and from boxes what is not there.
type blocks struct {
	store  *store.Store // nil when there is none
	reader *client.Reader
	ask    func() // called before boxes are asked; nil for nothing to do
}

func (b blocks) Block(ctx context.Context, key feed.Key, i uint64) ([]byte, error) {
	if b.store != nil {
		if f, err := b.store.Feed(key); err == nil {
			if block, err := f.Block(i, nil); err == nil {
				return block, nil
			}
		}
	}
	if b.ask != nil {
		b.ask()
	}
	block, err := b.reader.Block(ctx, key, i)
	if errors.Is(err, client.ErrNowhere) {
		return nil, absent{err}
	}
	return block, err
}

// Release implements space.Releaser.
func (b blocks) Release(block []byte) { b.reader.Release(block) }

// nearBlocks reads from this device's own store alone.
type nearBlocks struct{ store *store.Store }

func (b nearBlocks) Block(_ context.Context, key feed.Key, i uint64) ([]byte, error) {
	f, err := b.store.Feed(key)
	if err != nil {
		return nil, err
	}
	return f.Block(i, nil)
}

// absent is an error that says that a block cannot be had now.
type absent struct{ error }

func (e absent) Is(target error) bool { return target == space.ErrAbsent }
func (e absent) Unwrap() error        { return e.error }

// Prefetch implements space.Prefetcher.
func (b blocks) Prefetch(ctx context.Context, key feed.Key, indexes []uint64) {
	if b.store != nil {
		if f, err := b.store.Feed(key); err == nil {
			missing := make([]uint64, 0, len(indexes))
			for _, i := range indexes {
				if !f.Known(i) {
					missing = append(missing, i)
				}
			}
			indexes = missing
		}
	}
	if len(indexes) > 0 {
		if b.ask != nil {
			b.ask()
		}
		b.reader.Prefetch(ctx, key, indexes)
	}
}
