package wire_test

import (
	"bytes"
	"slices"
	"testing"

	"cobox/seeder/wire"
)

// openTwo returns a Mux with two open channels.
func openTwo(t *testing.T) (a, b *wire.Channel) {
	t.Helper()
	s := newSide(t)
	a, b = s.mux.Open("p", []byte("a"), nil), s.mux.Open("p", []byte("b"), nil)
	s.gets(openFrame(1, "p", "a"), openFrame(2, "p", "b"))
	return a, b
}

func TestBatchWrites(t *testing.T) {
	a, b := openTwo(t)
	var batch wire.Batch
	if batch.Frame() != nil {
		t.Error("an empty batch has a frame")
	}
	for _, m := range []struct {
		c *wire.Channel
		m wire.Message
	}{{a, &wire.Cancel{ID: 1}}, {a, &wire.Cancel{ID: 2}}, {b, &wire.Range{Length: 9}}, {a, &wire.Cancel{ID: 3}}} {
		if !batch.Append(m.c, m.m) {
			t.Fatal("the batch is full")
		}
	}
	want := batchFrame(item{1, []byte{2, 1}}, item{1, []byte{2, 2}}, item{2, []byte{8, 0, 0, 9}}, item{1, []byte{2, 3}})
	if got := batch.Frame(); !bytes.Equal(got, want) {
		t.Errorf("Frame = %x, want %x", got, want)
	}
	if batch.Frame() != nil {
		t.Error("the batch is not empty after Frame")
	}
	batch.Append(b, &wire.Cancel{ID: 4})
	if got, want := batch.Frame(), batchFrame(item{2, []byte{2, 4}}); !bytes.Equal(got, want) {
		t.Errorf("second Frame = %x, want %x", got, want)
	}
}

// Batches stay small, but one message always has room; nothing is lost on the way.
func TestBatchSplits(t *testing.T) {
	a, b := openTwo(t)
	s := newSide(t).accept()
	s.gets(openFrame(1, "p", "a"), openFrame(2, "p", "b"))
	s.events = nil
	var batch wire.Batch
	var frames [][]byte
	var want []string
	send := func(c *wire.Channel, m wire.Message) {
		if !batch.Append(c, m) {
			frames = append(frames, batch.Frame())
			if !batch.Append(c, m) {
				t.Fatal("an empty batch is full")
			}
		}
	}
	for i := range uint64(40_000) {
		send(a, &wire.Cancel{ID: i % 5})
		want = append(want, "received p/a 2 0"+string('0'+byte(i%5)))
		if i%20_000 == 0 {
			send(b, &wire.Extension{Body: make([]byte, 200_000)})
			want = append(want, "")
		}
	}
	frames = append(frames, batch.Frame())
	s.gets(frames...)
	for i, ev := range s.events {
		if len(ev) > 1000 {
			s.events[i] = ""
		}
	}
	if !slices.Equal(s.events, want) {
		t.Errorf("%d messages came of the batches, want the %d that were sent", len(s.events), len(want))
	}
	if len(frames) < 4 || len(frames) > 10 {
		t.Errorf("%d frames", len(frames))
	}
}
