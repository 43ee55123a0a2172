package client_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
)

// blockOf is what the feed of these tests holds.
func blockOf(i uint64) string { return fmt.Sprintf("block %d", i) }

// keep writes a feed of n blocks, the same for all callers, to a disk of its own.
func keep(t *testing.T, n int) *store.Feed {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	f, err := s.Create(m.Key())
	if err == nil {
		err = f.SetManifest(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	list := make([][]byte, n)
	for i := range list {
		list[i] = []byte(blockOf(uint64(i)))
	}
	if _, err := f.Append(t.Context(), list, func(h feed.Head) (feed.Head, error) { return feed.Sign(m.Key(), m, private, h) }); err != nil {
		t.Fatal(err)
	}
	return f
}

// clear drops the blocks [start, end) of a feed.
func clear(t *testing.T, f *store.Feed, start, end uint64) *store.Feed {
	t.Helper()
	if err := f.Clear(start, end); err != nil {
		t.Fatal(err)
	}
	return f
}

// stream is one end of a connection that is secured already.
type stream struct{ net.Conn }

func (s stream) Reset() error { return s.Close() }

// link runs one session between two exchanges, which know the other side as a and b.
// It returns when the session has ended.
func link(ctx context.Context, a string, atA *replicate.Exchange, b string, atB *replicate.Exchange) {
	nearA, nearB, err := socketPair()
	if err != nil {
		panic(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		serve(ctx, stream{nearB}, false, b, a, atB)
	}()
	serve(ctx, stream{nearA}, true, a, b, atA)
	<-ended
}

// socketPair returns the two ends of a connection. Both may write first, as net.Pipe does not let them.
func socketPair() (a, b net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return a, b, err
}

func serve(ctx context.Context, s stream, initiator bool, own, other string, x *replicate.Exchange) {
	if conn, err := replicate.Secure(ctx, s, initiator, []byte(own), []byte(other)); err == nil {
		_ = x.Serve(ctx, conn, replicate.Peer{Name: other, Open: initiator})
	}
}

// box connects a reader with a box, over and over, until the test ends.
func box(t *testing.T, r *client.Reader, name string, f replicate.Feed) {
	t.Helper()
	x := replicate.New(replicate.Config{})
	if f != nil {
		x.Add(f, replicate.Options{})
	}
	r.Reached(name, name)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			link(ctx, "reader", r.Exchange(), name, x)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

// reads compares what a reader says of blocks: "" stands for nowhere.
func reads(t *testing.T, r *client.Reader, key feed.Key, i uint64, want string) *client.NowhereError {
	t.Helper()
	b, err := r.Block(t.Context(), key, i)
	nowhere, ok := errors.AsType[*client.NowhereError](err)
	if want == "" {
		if !ok || !errors.Is(err, client.ErrNowhere) || nowhere.Feed != key || nowhere.Block != i {
			t.Fatalf("Block(%d) = %q, %v, want an error that says that no box has it", i, b, err)
		}
		return nowhere
	}
	if err != nil || string(b) != want {
		t.Fatalf("Block(%d) = %q, %v, want %q", i, b, err, want)
	}
	return nil
}

// said waits until a box has said whether it has a block.
func said(t *testing.T, r *client.Reader, key feed.Key, i uint64, name string) {
	t.Helper()
	changed := make(chan struct{}, 1)
	defer r.Exchange().Watch(key, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	for r.Exchange().Claims(key, i)[name] == replicate.Unsaid {
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// What one of the boxes has is read, and what none has is an error that names them.
func TestNowhere(t *testing.T) {
	one, two := clear(t, keep(t, 9), 3, 5), clear(t, keep(t, 9), 4, 6)
	r := client.NewReader(replicate.Config{})
	r.Expect(time.Hour, "one", "two", "three")
	box(t, r, "one", one)
	box(t, r, "two", two)
	box(t, r, "three", nil) // it does not keep the feed
	for i := range uint64(9) {
		if i == 4 {
			e := reads(t, r, one.Key(), i, "")
			if slices.Sort(e.Asked); !slices.Equal(e.Asked, []string{"one", "three", "two"}) || len(e.Away) > 0 {
				t.Errorf("Block(4) asked %v and not %v", e.Asked, e.Away)
			}
			continue
		}
		reads(t, r, one.Key(), i, blockOf(i))
	}
	// A box gets it again. Who asks then, has it.
	mended := replicate.New(replicate.Config{})
	mended.Add(keep(t, 9), replicate.Options{})
	three := clear(t, keep(t, 9), 0, 9)
	mending := replicate.New(replicate.Config{})
	mending.Add(three, replicate.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		link(ctx, "three", mending, "four", mended)
	}()
	if err := mending.Fetch(ctx, three.Key(), 4); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	if err := three.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := client.NewReader(replicate.Config{})
	again.Expect(time.Hour, "one", "three")
	box(t, again, "one", one)
	box(t, again, "three", three)
	reads(t, again, one.Key(), 4, blockOf(4))
}

// A box that is out of reach is waited for, and no longer than patience.
func TestNowhereAway(t *testing.T) {
	one := clear(t, keep(t, 4), 2, 4)
	off := errors.New("it is off")
	r := client.NewReader(replicate.Config{})
	r.Expect(time.Millisecond, "one", "two")
	r.Missed("two", off)
	box(t, r, "one", one)
	r.Open(one.Key())
	said(t, r, one.Key(), 2, "one")
	for i := range uint64(2) {
		reads(t, r, one.Key(), i, blockOf(i))
	}
	e := reads(t, r, one.Key(), 2, "")
	if len(e.Away) != 1 || e.Away[0].Box != "two" || !errors.Is(e.Away[0].Err, off) {
		t.Errorf("Block(2) = %v, want one that box two is out of reach", e)
	}
	patient := client.NewReader(replicate.Config{})
	patient.Expect(time.Hour, "one", "two")
	box(t, patient, "one", one)
	come := make(chan error, 1)
	go func() {
		_, err := patient.Block(t.Context(), one.Key(), 3)
		come <- err
	}()
	box(t, patient, "two", keep(t, 4))
	if err := <-come; err != nil {
		t.Errorf("Block(3) = %v, although box two came", err)
	}
}

// rotten is a feed whose block bytes are not what they were.
type rotten struct {
	*store.Feed
	bad uint64
}

func (f rotten) Block(i uint64, buf []byte) ([]byte, error) {
	b, err := f.Feed.Block(i, buf)
	if err == nil && i == f.bad {
		b[0] ^= 1
	}
	return b, err
}

// A box that sends a block which does not verify does not have it, however often
// it is connected anew.
func TestNowhereRotten(t *testing.T) {
	f := keep(t, 6)
	r := client.NewReader(replicate.Config{})
	r.Expect(time.Hour, "one")
	box(t, r, "one", rotten{f, 2})
	r.Prefetch(t.Context(), f.Key(), []uint64{0, 1, 2, 3, 4, 5})
	for i := range uint64(6) {
		want := blockOf(i)
		if i == 2 {
			want = ""
		}
		reads(t, r, f.Key(), i, want)
	}
}

// Blocks that no box has do not keep those that follow from being fetched.
func TestNowhereMany(t *testing.T) {
	const n, gone = 400, 300
	f := clear(t, keep(t, n), 0, gone)
	r := client.NewReader(replicate.Config{})
	r.Expect(time.Hour, "one")
	box(t, r, "one", f)
	indexes := make([]uint64, n)
	for i := range indexes {
		indexes[i] = uint64(i)
	}
	r.Prefetch(t.Context(), f.Key(), indexes)
	for _, i := range indexes {
		want := blockOf(i)
		if i < gone {
			want = ""
		}
		reads(t, r, f.Key(), i, want)
	}
}
