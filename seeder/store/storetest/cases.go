package storetest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/store"
)

func putInOrder(t *testing.T, b *bench) {
	w := fresh(1, 600, 50)
	f := b.create(w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	Check(t, b, w)
	b.reopen()
	Check(t, b, w)
	// It goes on growing.
	w.Append([]byte("more"), []byte("and more"))
	f = b.feed(w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	Check(t, b, w)
	if st := b.Stats(); st.Feeds != 1 || st.Blocks != 602 || st.Bytes != w.Head.Bytes {
		t.Errorf("Stats = %+v", st)
	}
}

func putInAnyOrder(t *testing.T, b *bench) {
	r := rand.New(rand.NewPCG(2, 2))
	w := fresh(2, 700, 300)
	f := b.create(w.Key)
	must(t, w.Upgrade(f))
	for n, i := range r.Perm(700) {
		must(t, w.Fetch(f, uint64(i)))
		if got, err := f.Block(uint64(i), nil); err != nil || !bytes.Equal(got, w.Blocks[i]) {
			t.Fatalf("Block(%d) = %x, %v", i, got, err)
		}
		if n%250 == 249 {
			must(t, f.Flush(t.Context()))
			blocks, _ := f.Held()
			b.reopen()
			f = b.feed(w.Key)
			if got, _ := f.Held(); got != blocks || got != uint64(n+1) {
				t.Fatalf("Held = %d blocks after reopening, want %d", got, n+1)
			}
		}
	}
	must(t, f.Flush(t.Context()))
	Check(t, b, w)
}

func appended(t *testing.T, b *bench) {
	w := NewWriter(3)
	f := b.create(w.Key)
	if _, err := f.Append(t.Context(), [][]byte{{1}}, w.Sign); err == nil {
		t.Error("Append without a manifest: no error")
	}
	if err := f.SetManifest(NewWriter(4).Manifest); !errors.Is(err, feed.ErrManifest) {
		t.Errorf("SetManifest of another feed = %v", err)
	}
	must(t, f.SetManifest(w.Manifest))
	r := rand.New(rand.NewPCG(3, 3))
	for n := range 20 {
		blocks := RandomBlocks(r, n*3, 100)
		first, err := f.Append(t.Context(), blocks, w.Sign)
		if err != nil || first != uint64(len(w.Blocks)) {
			t.Fatalf("Append = %d, %v; want %d", first, err, len(w.Blocks))
		}
		w.Append(blocks...)
		if got := f.Durable().Head.Length; got != w.Head.Length {
			t.Fatalf("Durable length = %d after Append, want %d", got, w.Head.Length)
		}
		if n%7 == 6 {
			b.reopen()
			f = b.feed(w.Key)
		}
	}
	Check(t, b, w)
	other := NewWriter(9)
	for _, sign := range []func(feed.Head) (feed.Head, error){
		other.Sign,
		func(h feed.Head) (feed.Head, error) { h.Length++; return w.Sign(h) },
		func(h feed.Head) (feed.Head, error) { return h, errors.New("no key") },
	} {
		if _, err := f.Append(t.Context(), [][]byte{{1}}, sign); err == nil {
			t.Error("Append with a wrong signature: no error")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Append(ctx, [][]byte{{1}}, w.Sign); !errors.Is(err, context.Canceled) {
		t.Errorf("Append with a context that is done = %v", err)
	}
	Check(t, b, w)
}

// Of several appends that are not durable yet, none is durable without those before it.
func extended(t *testing.T, b *bench) {
	w := fresh(9, 0, 0)
	f := b.create(w.Key)
	must(t, f.SetManifest(w.Manifest))
	var waits []func() error
	for i := range byte(5) {
		more := [][]byte{{i}, bytes.Repeat([]byte{i}, 3<<20)}
		w.Append(more...)
		first, durable, err := f.Extend(t.Context(), more, w.Sign)
		must(t, err)
		if first != 2*uint64(i) || f.State().Head.Hash != w.Head.Hash {
			t.Fatalf("blocks from %d, head %+v, want %d, %+v", first, f.State().Head, 2*i, w.Head)
		}
		waits = append(waits, durable)
	}
	for _, i := range []int{2, 0, 4} {
		must(t, waits[i]())
		n := uint64(2*i + 2)
		if f.Durable().Head.Length < n || f.Contiguous() < n {
			t.Errorf("%d blocks are durable, %d of them in a row, want %d", f.Durable().Head.Length, f.Contiguous(), n)
		}
	}
	b.reopen()
	Check(t, b, w)
}

func twoViews(t *testing.T, b *bench) {
	w := fresh(4, 3, 100)
	f := b.create(w.Key)
	if st := f.State(); st.Key != w.Key || st.Head.Length != 0 {
		t.Errorf("State of a fresh feed = %+v", st)
	}
	if _, err := f.Block(0, nil); !errors.Is(err, store.ErrNoBlock) {
		t.Errorf("Block of a fresh feed = %v", err)
	}
	if _, err := f.Node(0); !errors.Is(err, feed.ErrNoNode) {
		t.Errorf("Node of a fresh feed = %v", err)
	}
	must(t, w.Upgrade(f))
	must(t, w.Fetch(f, 1))
	if !f.Known(1) || f.Known(0) || f.State().Head.Hash != w.Head.Hash {
		t.Error("what was put is not in the newest view")
	}
	must(t, f.Flush(t.Context()))
	if !f.Has(1) || f.Has(0) || f.Contiguous() != 0 || f.Durable().Head.Hash != w.Head.Hash {
		t.Error("what was flushed is not in the durable view")
	}
	f.Bits(func(bits *feed.Bitfield) {
		if bits.Count() != 1 || !bits.Get(1) {
			t.Errorf("Bits has %d bits", bits.Count())
		}
	})
	buf := make([]byte, 0, 200)
	if got, err := f.Block(1, buf); err != nil || &got[:1][0] != &buf[:1][0] {
		t.Errorf("Block did not use the buffer: %v", err)
	}
	again := b.create(w.Key)
	if !again.Has(1) {
		t.Error("Create of a feed that is there returned another one")
	}
}

func watchers(t *testing.T, b *bench) {
	w := fresh(5, 2, 100)
	f := b.create(w.Key)
	told := make(chan uint64, 100)
	stop := f.Watch(func() { told <- f.Durable().Head.Length })
	must(t, w.Upgrade(f))
	if got := <-told; got != 2 {
		t.Errorf("told of %d blocks, want 2", got)
	}
	stop()
	must(t, w.Fetch(f, 0))
	must(t, f.Flush(t.Context()))
	must(t, f.Flush(t.Context()))
	for len(told) > 0 {
		<-told // a call that was under way when stop was called
	}
	must(t, w.Fetch(f, 1))
	must(t, f.Flush(t.Context()))
	if len(told) > 0 {
		t.Error("told after stop")
	}
}

func cleared(t *testing.T, b *bench) {
	w := fresh(6, 300, 5000)
	f := b.create(w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	must(t, f.Clear(10, 290))
	must(t, f.Clear(295, 1<<40))
	check := func() {
		t.Helper()
		for i := range uint64(300) {
			held := i < 10 || i >= 290 && i < 295
			got, err := f.Block(i, nil)
			if f.Has(i) != held || held && !bytes.Equal(got, w.Blocks[i]) || !held && !errors.Is(err, store.ErrNoBlock) {
				t.Fatalf("block %d: Has = %v, Block = %d bytes, %v", i, f.Has(i), len(got), err)
			}
		}
		if blocks, _ := f.Held(); blocks != 15 || f.Contiguous() != 10 {
			t.Errorf("Held = %d, Contiguous = %d", blocks, f.Contiguous())
		}
		CheckScrub(t, b)
	}
	check()
	b.reopen()
	f = b.feed(w.Key)
	check()
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	Check(t, b, w)
}

func deleted(t *testing.T, b *bench) {
	w, other := fresh(7, 50, 3000), fresh(8, 50, 3000)
	f := b.create(w.Key)
	must(t, w.Fill(f))
	must(t, other.Fill(b.create(other.Key)))
	must(t, b.Delete(w.Key))
	if err := b.Delete(w.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("second Delete = %v", err)
	}
	if _, err := b.Feed(w.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Feed after Delete = %v", err)
	}
	if _, err := f.Block(0, nil); !errors.Is(err, store.ErrNoBlock) || f.Has(0) {
		t.Errorf("Block of a deleted feed = %v", err)
	}
	if err := f.Put(&feed.Batch{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Put into a deleted feed = %v", err)
	}
	if _, err := f.Append(t.Context(), [][]byte{{1}}, w.Sign); err == nil {
		t.Error("Append to a deleted feed: no error")
	}
	if err := f.Freeze(&feed.ForkError{Key: w.Key}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Freeze of a deleted feed = %v", err)
	}
	b.reopen()
	Check(t, b, other)
	f = b.create(w.Key)
	if blocks, _ := f.Held(); blocks != 0 || f.State().Head.Length != 0 || f.Frozen() != nil {
		t.Error("a feed that was deleted and made again is not empty")
	}
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	Check(t, b, w)
}

func anotherFork(t *testing.T, b *bench) {
	r := rand.New(rand.NewPCG(9, 9))
	w := fresh(9, 400, 200)
	f := b.create(w.Key)
	must(t, w.Fill(f))
	for n, length := range []int{300, 299, 256, 350, 128, 5, 0} {
		if length > len(w.Blocks) {
			w.Append(RandomBlocks(r, 200, 200)...)
			must(t, w.Fill(f))
		}
		before := w.Head
		w.Truncate(length, RandomBlocks(r, 20+n, 200)...)
		must(t, w.Upgrade(f))
		if h := f.Durable().Head; h.Fork != w.Head.Fork || h.Hash != w.Head.Hash {
			t.Fatalf("fork %d of %d blocks after Put of a higher one, want %d of %d", h.Fork, h.Length, w.Head.Fork, w.Head.Length)
		}
		list := f.Truncations()
		if len(list) != n+1 || list[n].Head.Hash != before.Hash || list[n].Kept > uint64(length) {
			t.Fatalf("Truncations = %+v", list)
		}
		for i := range list[n].Kept {
			if !f.Has(i) {
				t.Fatalf("block %d is gone, and %d should stay", i, list[n].Kept)
			}
		}
		if n%2 == 1 {
			b.reopen()
			f = b.feed(w.Key)
		}
		CheckScrub(t, b)
		must(t, w.Fill(f))
		must(t, f.Flush(t.Context()))
		Check(t, b, w)
	}
	must(t, b.Expire(time.Now(), time.Hour))
	if got := len(f.Truncations()); got != 7 {
		t.Errorf("%d truncations are kept before they expire, want 7", got)
	}
	must(t, b.Expire(time.Now().Add(2*time.Hour), time.Hour))
	if got := len(f.Truncations()); got != 0 {
		t.Errorf("%d truncations are kept after they expired", got)
	}
	Check(t, b, w)
	b.reopen()
	Check(t, b, w)
}

func staleBatch(t *testing.T, b *bench) {
	w := fresh(10, 10, 100)
	f := b.create(w.Key)
	short := w.Clone()
	w.Append([]byte("more"))
	st := f.State()
	up := func(w *Writer) *feed.Batch {
		p, err := feed.Prove(w.Head, w.Manifest, w, feed.Request{Upgrade: &feed.UpgradeRequest{Length: w.Head.Length}, Manifest: true})
		must(t, err)
		batch, err := st.Verify(f, p)
		must(t, err)
		return batch
	}
	older := up(short)
	must(t, f.Put(up(w)))
	if err := f.Put(older); !errors.Is(err, store.ErrStale) {
		t.Errorf("Put of a shorter head = %v", err)
	}
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	Check(t, b, w)
}

func frozen(t *testing.T, b *bench) {
	w := fresh(11, 10, 100)
	f := b.create(w.Key)
	must(t, w.Upgrade(f))
	must(t, w.Fetch(f, 0))
	twin := w.Clone()
	w.Append([]byte("one"))
	twin.Append([]byte("two"))
	ours, err := w.Proof()
	must(t, err)
	theirs, err := twin.Proof()
	must(t, err)
	e, err := feed.CheckFork(w.Key, ours, theirs)
	must(t, err)
	must(t, f.Freeze(e))
	must(t, f.Freeze(&feed.ForkError{Key: w.Key})) // what is there stays
	b.reopen()
	f = b.feed(w.Key)
	got := f.Frozen()
	if got == nil || got.Have.Hash != w.Head.Hash || got.Got.Hash != twin.Head.Hash || !bytes.Equal(got.Got.Signature, twin.Head.Signature) {
		t.Fatalf("Frozen = %+v", got)
	}
	if _, err := feed.CheckFork(w.Key, got.HaveProof, got.GotProof); err != nil {
		t.Errorf("CheckFork of the evidence = %v", err)
	}
	if err := w.Fetch(f, 1); !errors.Is(err, store.ErrFrozen) {
		t.Errorf("Put into a frozen feed = %v", err)
	}
	if _, err := f.Block(0, nil); err != nil {
		t.Errorf("Block of a frozen feed = %v", err)
	}
	must(t, f.Thaw())
	must(t, w.Fill(f))
	b.reopen()
	Check(t, b, w)
}

func pinsAndRecords(t *testing.T, b *bench) {
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := pin.Pin{Feed: fresh(12, 1, 1).Key, Partner: identity.PartnerKey{1}, Created: created, Label: "a label"}
	q := p
	q.Partner = identity.PartnerKey{2}
	must(t, b.PutPin(p))
	must(t, b.PutPin(q))
	p.Label = "another"
	must(t, b.PutPin(p))
	must(t, b.DeletePin(q.Feed, q.Partner))
	must(t, b.DeletePin(q.Feed, q.Partner))
	must(t, b.PutMeta("grants", []byte("a grant")))
	b.reopen()
	pins, err := b.Pins()
	if err != nil || len(pins) != 1 || pins[0] != p {
		t.Errorf("Pins = %+v, %v; want %+v", pins, err, p)
	}
	if got, err := b.Meta("grants"); err != nil || string(got) != "a grant" {
		t.Errorf("Meta = %q, %v", got, err)
	}
	if _, err := b.Meta("grant"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Meta of what is not there = %v", err)
	}
}

func closed(t *testing.T, b *bench) {
	w := fresh(13, 10, 100)
	f := b.create(w.Key)
	must(t, w.Fill(f))
	old := b.Store
	b.reopen() // what was put and not flushed is there all the same
	Check(t, b, w)
	must(t, old.Close())
	if err := f.Put(&feed.Batch{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Put = %v", err)
	}
	if _, err := old.Pins(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Pins = %v", err)
	}
	if err := old.PutMeta("a", nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("PutMeta = %v", err)
	}
	if _, err := old.Create(NewWriter(14).Key); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Create = %v", err)
	}
}
