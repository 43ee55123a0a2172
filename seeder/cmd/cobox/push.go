package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// patience is how long an upload goes on without a box taking anything.
const patience = 2 * time.Minute

// A push brings this device's feed of a space to all boxes that keep it.
type push struct {
	s       *session
	sp      *spaceFile
	own     *ownFeed
	targets []*target
	changed chan struct{} // something happened; capacity 1
	stop    func()
}

// A target is a box on the way to keep the whole feed.
type target struct {
	name string // as the partner wrote it

	mu     sync.Mutex
	box    *client.Box // the last connection; mu
	id     string      // box ID; mu
	err    error       // the last failure; mu
	pinned bool        // mu
	blocks uint64      // the most that the box said it has; mu
	stuck  client.Stuck
	narrow *client.NarrowError // no use to go on; mu
}

// errNoRoom is what ends an upload to a box that takes nothing new from us.
var errNoRoom = &api.Error{
	Code: api.Unauthorised, Text: "your room there has ended or was revoked: it keeps what it has for the time of notice, and takes nothing new",
	Hint: "ask its operator, or pin the space on another box",
}

// errForked is why nothing is appended to a feed; what was found is told when the
// session ends ([session.keepForks]).
var errForked = errors.New("two histories of this device's feed are signed, and nothing more is appended to it")

// startPush connects to the space's boxes, and lets them fetch whatever the
// feed has and gets from now on.
func (s *session) startPush(sp *spaceFile, own *ownFeed) *push {
	p := &push{s: s, sp: sp, own: own, changed: make(chan struct{}, 1)}
	p.stop = s.push.Watch(own.Key(), p.poke)
	for _, name := range sp.Boxes {
		t := &target{name: name}
		p.targets = append(p.targets, t)
		s.stay(name, s.push, func(b *client.Box, err error) {
			if b != nil {
				_, err = s.pinFeeds(s.ctx, b, sp, []feed.Key{own.Key()})
			}
			if err == nil && b != nil && b.Welcome.Usage.QuotaBytes == 0 {
				err = errNoRoom
			}
			t.mu.Lock()
			t.err = err
			if narrow := t.stuck.After(err, t.blocks); narrow != nil {
				t.narrow = narrow
			}
			if t.narrow != nil && b == nil {
				t.err = t.narrow
			}
			if b != nil {
				t.box, t.id = b, b.ID()
				t.pinned = err == nil
			}
			t.mu.Unlock()
			p.poke()
		})
	}
	return p
}

func (p *push) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// contact waits a moment for the boxes, and refuses to go on when one of them
// has more of our feed than we have: then the state of this device is an old
// copy, and to append to it would encrypt two blocks alike.
func (p *push) contact(ctx context.Context) error {
	if len(p.targets) == 0 {
		return nil
	}
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	for {
		all := true
		for _, t := range p.targets {
			t.mu.Lock()
			all = all && (t.err != nil || p.remote(t.id) != nil)
			t.mu.Unlock()
		}
		for _, r := range p.s.push.Progress(p.own.Key()).Remotes {
			if r.Length > p.own.Length() || r.Fork > p.own.Fork() {
				return cli.WithHint(
					fmt.Errorf("box %s has %d blocks of this device's feed, this computer knows %d: its state is an old copy", r.Peer, r.Length, p.own.Length()),
					"move "+p.s.h.dir+" away, and begin anew with cobox recover: old state must never be written on")
			}
		}
		if all && p.own.Frozen() != nil {
			return errForked
		}
		if all {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			if p.own.Frozen() != nil {
				return errForked
			}
			return nil // nobody there: the backup is kept here until they are
		case <-p.changed:
		}
	}
}

// remote returns what a box said it has of the feed, nil when it has not said.
func (p *push) remote(id string) *uint64 {
	for _, r := range p.s.push.Progress(p.own.Key()).Remotes {
		if r.Peer == id && r.Fork == p.own.Fork() {
			return &r.Contiguous
		}
	}
	return nil
}

// A delivery is how an upload to one box ended.
type delivery struct {
	Box     string `json:"box"`
	Blocks  uint64 `json:"blocks"` // of the feed that it has
	Length  uint64 `json:"length"` // of the feed
	Receipt bool   `json:"receipt"`
	Error   string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// finish waits until all boxes have the whole feed and their receipts are here,
// none has taken anything for [patience], or the feed is frozen. show hears of the bytes to go.
func (p *push) finish(ctx context.Context, show func(done, total uint64)) []delivery {
	length := p.own.Length()
	var last uint64
	quiet := time.NewTimer(patience)
	defer quiet.Stop()
	for {
		least, sum := length, uint64(0)
		refused := 0
		for _, t := range p.targets {
			n, final := p.progress(t)
			least = min(least, n)
			sum += n
			if final && n < length {
				refused++
				least = length
			}
		}
		if show != nil {
			show(sum, length*uint64(len(p.targets)))
		}
		if p.allDone(length) || p.own.Frozen() != nil { // of a frozen feed nothing goes out any more
			break
		}
		if sum != last {
			last = sum
			quiet.Reset(patience)
		}
		select {
		case <-ctx.Done():
			return p.deliveries(ctx, length)
		case <-quiet.C:
			return p.deliveries(ctx, length)
		case <-p.changed:
		}
	}
	return p.deliveries(ctx, length)
}

// progress returns how much a box has, and whether it will not take more.
func (p *push) progress(t *target) (blocks uint64, final bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := p.remote(t.id); n != nil {
		blocks = *n
		t.blocks = max(t.blocks, blocks)
	}
	e, ok := errors.AsType[*api.Error](t.err)
	return blocks, t.narrow != nil || ok && e.Code != api.Internal
}

// allDone reports whether every box has all of the feed, or has refused it.
func (p *push) allDone(length uint64) bool {
	for _, t := range p.targets {
		if n, final := p.progress(t); n < length && !final {
			return false
		}
	}
	return true
}

// deliveries asks the boxes for their receipts.
func (p *push) deliveries(ctx context.Context, length uint64) []delivery {
	list := make([]delivery, 0, len(p.targets))
	for _, t := range p.targets {
		n, _ := p.progress(t)
		t.mu.Lock()
		b, err := t.box, t.err
		if t.narrow != nil && n < length {
			err = t.narrow
		}
		d := delivery{Box: t.name, Blocks: n, Length: length}
		t.mu.Unlock()
		if n >= length && b != nil {
			if err = p.receipt(ctx, b); err == nil {
				d.Receipt = true
			}
		} else if err == nil {
			err = errors.New("it has not taken everything yet")
		}
		if err != nil {
			d.Error, d.Hint = err.Error(), hintOf(err)
		}
		list = append(list, d)
	}
	return list
}

// hintOf returns what to try about an error, "" when there is nothing particular.
func hintOf(err error) string {
	if e, ok := errors.AsType[*client.NarrowError](err); ok {
		return e.Hint()
	}
	return ""
}

// receipt fetches a box's receipt for the feed, compares it with the feed, and keeps it.
func (p *push) receipt(ctx context.Context, b *client.Box) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	r, st, err := b.Receipt(ctx, p.s.h.partner(), p.own.Key())
	if err != nil {
		return err
	}
	head := p.own.Durable().Head
	if r.Fork != head.Fork || r.Length != head.Length || r.Root != head.Hash {
		return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("the receipt of box %s is for another tree (%d blocks, %s) than ours (%d blocks, %s)",
			b.ID(), r.Length, r.Root, head.Length, head.Hash)}
	}
	return p.s.h.keepReceipt(r, st)
}

const receiptsDir = "receipts"

// keepReceipt keeps the newest receipt of a box for a feed.
func (h *home) keepReceipt(r identity.Receipt, st identity.Statement) error {
	dir := filepath.Join(h.dir, receiptsDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	name := strings.TrimPrefix(r.Box.String(), "box:") + "-" + receiptName(r.Feed)
	return durable.WriteFile(filepath.Join(dir, name), st.Append(nil), 0o600)
}

// receiptName is the end of the names of the receipts for a feed.
func receiptName(key feed.Key) string { return key.DiscoveryKey().String()[:16] }

// asJSON is for logs of watch.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
