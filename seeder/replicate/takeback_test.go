package replicate_test

import (
	"crypto/ed25519"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/wire"
)

// TestTakesBack truncates a feed in front of a peer that was told of its blocks:
// the peer hears which are gone before it hears of the new fork. Else it would take
// the old announcements for blocks of the new fork.
func TestTakesBack(t *testing.T) {
	w := newWriter(t, 30)
	w.append(t, blocks(10, 10)...)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	defer s.start(t, nil)()
	s.hears(isRange(wire.Range{Length: 10}))
	w.truncate(t, 4, false)
	s.hears(func(m wire.Message) bool { m2, ok := m.(*wire.Sync); return ok && m2.Fork == 1 })

	has := make(map[uint64]bool)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		switch m := m.(type) {
		case *wire.Range:
			for i := m.Start; i < m.Start+m.Length; i++ {
				has[i] = !m.Drop
			}
		case *wire.Sync:
			for i := range has {
				if m.Fork == 1 && has[i] && i >= 4 {
					t.Errorf("the peer is told of the new fork and believes that block %d is there", i)
				}
			}
		}
	}
}

// TestTakesBackLost loses a block that was announced, as a scrub finds it.
func TestTakesBackLost(t *testing.T) {
	w := newWriter(t, 31)
	w.append(t, blocks(10, 10)...)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	defer s.start(t, nil)()
	s.hears(isRange(wire.Range{Length: 10}))
	w.drop(3, 7)
	w.tellWatchers()
	s.hears(isRange(wire.Range{Drop: true, Start: 3, Length: 1}))
	s.hears(isRange(wire.Range{Drop: true, Start: 7, Length: 1}))
}

func isRange(want wire.Range) func(wire.Message) bool {
	return func(m wire.Message) bool {
		r, ok := m.(*wire.Range)
		return ok && *r == want
	}
}

// TestDownloadPrologue fetches a feed whose manifest fixes its beginning: the
// first upgrade goes to the end of that, whatever was asked for.
func TestDownloadPrologue(t *testing.T) {
	w := newWriter(t, 32)
	for _, b := range blocks(7, 10) {
		w.tree.Append(b)
	}
	m := feed.NewManifest(w.private.Public().(ed25519.PublicKey))
	m.Prologue = &feed.Prologue{Hash: feed.TreeHash(w.tree.Roots), Length: 7}
	p := &writer{memFeed: newMemFeed(m.Key()), private: w.private, manifest: m, tree: &feed.Tree{}}
	p.state.Manifest = m
	p.append(t, blocks(12, 10)...)

	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	f := newMemFeed(p.Key())
	from.Add(p, replicate.Options{Writer: true})
	to.Add(f, replicate.Options{Download: true})
	defer join(t, from, to)()
	until(t, to, f, complete(f, p))
	sameBlocks(t, f, p)
}

// TestParksHashes asks for hashes under a head whose blocks are still to come:
// the answer waits for them, and is not a refusal.
func TestParksHashes(t *testing.T) {
	w := newWriter(t, 33)
	w.append(t, blocks(8, 10)...)
	f := newMemFeed(w.Key())
	h := newHost(t, replicate.Config{})
	h.Add(f, replicate.Options{Download: true})
	source := newScript(t, h, w.Key())
	source.answer = source.answerUpgradesOnly(w)
	defer source.start(t, w)()
	source.hears(func(m wire.Message) bool { s, ok := m.(*wire.Sync); return ok && s.Length == 8 })

	asker := newScript(t, h, w.Key())
	defer asker.start(t, nil)()
	answer := func(id uint64) wire.Message {
		return asker.hears(func(m wire.Message) bool {
			d, isData := m.(*wire.Data)
			n, isNo := m.(*wire.NoData)
			return isData && d.ID == id || isNo && n.ID == id
		})
	}
	asker.say(&wire.Request{ID: 1, Request: feed.Request{Hash: &feed.HashRequest{Index: 0, Nodes: 3}}})
	asker.say(&wire.Request{ID: 2, Request: feed.Request{Block: &feed.BlockRequest{}}})
	if _, ok := answer(2).(*wire.NoData); !ok {
		t.Fatal("a block that is not there was answered")
	}
	for i := range w.Durable().Head.Length {
		req := source.hears(func(m wire.Message) bool {
			r, ok := m.(*wire.Request)
			return ok && r.Block != nil && r.Block.Index == i
		})
		source.say(honest(w, req.(*wire.Request)))
	}
	d, ok := answer(1).(*wire.Data)
	if !ok || d.Hash == nil || len(d.Hash.Nodes) != 4 {
		t.Errorf("the request for hashes was answered by %+v", d)
	}
}

// asksFor waits for a request for a block, on a fork.
func (s *script) asksFor(block, fork uint64) *wire.Request {
	req, _ := s.hears(func(m wire.Message) bool {
		r, ok := m.(*wire.Request)
		return ok && r.Block != nil && r.Block.Index == block && r.Fork == fork
	}).(*wire.Request)
	return req
}

// TestAnnouncedAgain has a peer refuse a block among others that it has announced, and
// announce it once more: it is asked for again.
func TestAnnouncedAgain(t *testing.T) {
	w := newWriter(t, 34)
	w.append(t, blocks(8, 10)...)
	f := newMemFeed(w.Key())
	h := newHost(t, replicate.Config{})
	h.Add(f, replicate.Options{Download: true})
	s := newScript(t, h, w.Key())
	refused := make(chan struct{})
	s.answer = func(req *wire.Request) []wire.Message {
		if req.Block != nil && req.Block.Index == 3 {
			select {
			case <-refused:
			default:
				close(refused)
				return []wire.Message{&wire.NoData{ID: req.ID, Reason: wire.NotAvailable}}
			}
		}
		return []wire.Message{honest(w, req)}
	}
	defer s.start(t, w)()
	s.asksFor(7, 0)
	<-refused
	until(t, h, f, func() bool { return f.Has(7) })
	s.say(&wire.Range{Length: 8})
	until(t, h, f, complete(f, w))
	sameBlocks(t, f, w)
}

// TestRefusedOnOldFork has a peer refuse a block of a fork that is over, after it has
// announced the block of the new one: that still counts.
func TestRefusedOnOldFork(t *testing.T) {
	w := newWriter(t, 35)
	w.append(t, blocks(8, 10)...)
	f := newMemFeed(w.Key())
	h := newHost(t, replicate.Config{})
	h.Add(f, replicate.Options{Download: true})
	s := newScript(t, h, w.Key())
	s.answer = func(req *wire.Request) []wire.Message {
		if req.Fork == 0 && req.Block != nil && req.Block.Index >= 6 || req.Fork == 1 && req.Upgrade != nil {
			return nil // later, below
		}
		return []wire.Message{honest(w, req)}
	}
	defer s.start(t, w)()
	old := []*wire.Request{s.asksFor(6, 0), s.asksFor(7, 0)}
	w.truncate(t, 5, false)
	w.append(t, blocks(9, 20)...)
	length := w.Durable().Head.Length
	s.say(&wire.Sync{Fork: 1, Length: length, CanUpgrade: true, Uploading: true, Downloading: true, HasManifest: true})
	s.say(&wire.Range{Length: length})
	upgrade := s.hears(func(m wire.Message) bool {
		r, ok := m.(*wire.Request)
		return ok && r.Fork == 1 && r.Upgrade != nil
	}).(*wire.Request)
	for _, req := range old {
		s.say(&wire.NoData{ID: req.ID, Reason: wire.NotAvailable})
	}
	s.say(honest(w, upgrade))
	until(t, h, f, complete(f, w))
	sameBlocks(t, f, w)
}
