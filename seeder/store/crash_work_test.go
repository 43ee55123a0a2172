package store_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// A model is what the store has promised.
type model struct {
	feeds map[feed.Key]*promised
	pins  int // acknowledged
	tried int // pins that may be there
	// versions are all that writers ever signed, by root hash.
	versions map[feed.Hash]*storetest.Writer
}

// promised is what a store has acknowledged of a feed.
type promised struct {
	w       *storetest.Writer
	head    feed.Head // at least
	held    map[uint64]bool
	unsure  bool // whether it is there: it was being made or deleted
	deleted bool
}

func newModel() *model {
	return &model{feeds: make(map[feed.Key]*promised), versions: make(map[feed.Hash]*storetest.Writer)}
}

// A job is the workload.
type job struct {
	s     *store.Store
	model *model
}

func (j *job) create(w *storetest.Writer) (storetest.Feed, error) {
	p := &promised{w: w, held: make(map[uint64]bool), unsure: true}
	j.model.feeds[w.Key] = p
	f, err := j.s.Create(w.Key)
	p.unsure = err != nil
	return f, err
}

func (j *job) note(w *storetest.Writer) { j.model.versions[w.Head.Hash] = w.Clone() }

// follow brings a feed to its writer's head and fetches some of its blocks.
func (j *job) follow(f storetest.Feed, w *storetest.Writer, blocks ...uint64) error {
	p := j.model.feeds[w.Key]
	j.note(w)
	st := f.State()
	if st.Head.Fork != w.Head.Fork {
		for i := range p.held {
			if old := j.model.versions[st.Head.Hash]; i >= w.Head.Length || !bytes.Equal(old.Blocks[i], w.Blocks[i]) {
				delete(p.held, i) // it may go from now on
			}
		}
	}
	if st.Head.Hash != w.Head.Hash {
		if err := w.Upgrade(f); err != nil {
			return err
		}
	}
	for i := range p.held {
		if !f.Has(i) {
			delete(p.held, i) // the proof did not show that it is the same
		}
	}
	for _, i := range blocks {
		if f.Known(i) {
			continue
		}
		if err := w.Fetch(f, i); err != nil {
			return err
		}
	}
	if err := f.Flush(testContext); err != nil {
		return err
	}
	p.head = w.Head
	for _, i := range blocks {
		p.held[i] = true
	}
	return nil
}

func (j *job) append(f storetest.Feed, w *storetest.Writer, blocks ...[]byte) error {
	p := j.model.feeds[w.Key]
	first := w.Head.Length
	w.Append(blocks...)
	j.note(w)
	if _, err := f.Append(testContext, blocks, w.Sign); err != nil {
		return err
	}
	p.head = w.Head
	for i := first; i < w.Head.Length; i++ {
		p.held[i] = true
	}
	return nil
}

// extend appends groups of blocks, and waits for the disk when all are appended.
func (j *job) extend(f storetest.Feed, w *storetest.Writer, groups ...[][]byte) error {
	p := j.model.feeds[w.Key]
	var waits []func() error
	var heads []feed.Head
	for _, blocks := range groups {
		w.Append(blocks...)
		j.note(w)
		_, durable, err := f.Extend(testContext, blocks, w.Sign)
		if err != nil {
			return err
		}
		waits, heads = append(waits, durable), append(heads, w.Head)
	}
	for k, durable := range waits {
		if err := durable(); err != nil {
			return err
		}
		for i := p.head.Length; i < heads[k].Length; i++ {
			p.held[i] = true
		}
		p.head = heads[k]
	}
	return nil
}

func (j *job) run(t *testing.T) error {
	r := rand.New(rand.NewPCG(7, 7))
	own, other, third := storetest.NewWriter(1), storetest.NewWriter(2), storetest.NewWriter(3)
	g, err := j.create(own)
	if err != nil {
		return err
	}
	f, err := j.create(other)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return g.SetManifest(own.Manifest) },
		func() error { return j.append(g, own, storetest.RandomBlocks(r, 5, 9000)...) },
		func() error {
			other.Append(storetest.RandomBlocks(r, 20, 600)...)
			return j.follow(f, other, 7, 3, 4, 19)
		},
		func() error { return j.append(g, own, storetest.RandomBlocks(r, 3, 9000)...) },
		func() error {
			return j.extend(g, own, storetest.RandomBlocks(r, 2, 9000), storetest.RandomBlocks(r, 1, 9000), storetest.RandomBlocks(r, 2, 9000))
		},
		func() error {
			other.Append(storetest.RandomBlocks(r, 10, 600)...)
			return j.follow(f, other, 29, 0, 1, 2, 11, 12, 13)
		},
		func() error {
			j.model.tried++
			err := j.s.PutPin(pin.Pin{Feed: other.Key, Partner: identity.PartnerKey{1}, Created: time.Unix(1, 0)})
			if err == nil {
				j.model.pins++
			}
			return err
		},
		func() error {
			other.Truncate(12, storetest.RandomBlocks(r, 9, 600)...)
			return j.follow(f, other, 12, 13, 20)
		},
		func() error {
			for i := uint64(1); i < 7; i++ {
				delete(j.model.feeds[own.Key].held, i)
			}
			return g.Clear(1, 7)
		},
		func() error { return g.Reclaim() },
		func() error { return store.Rest(j.s) },
		func() error {
			delete(j.model.feeds[own.Key].held, 7)
			return g.Clear(7, 8)
		},
		func() error {
			other.Truncate(4, storetest.RandomBlocks(r, 5, 600)...)
			return j.follow(f, other, 4, 8)
		},
		func() error { return j.s.Expire(time.Now().Add(time.Hour), time.Minute) },
		func() error { return j.follow(f, other, 5, 6) },
		func() error {
			third.Append(storetest.RandomBlocks(r, 6, 600)...)
			h, err := j.create(third)
			if err != nil {
				return err
			}
			return j.follow(h, third, 0, 1, 5)
		},
		func() error {
			p := j.model.feeds[third.Key]
			p.unsure = true
			err := j.s.Delete(third.Key)
			p.deleted = err == nil
			return err
		},
		func() error {
			h, err := j.create(third)
			if err != nil {
				return err
			}
			return j.follow(h, third, 2)
		},
		func() error { return j.s.Close() },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
