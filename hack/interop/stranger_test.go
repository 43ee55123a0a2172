package interop_test

import (
	"reflect"
	"strings"
	"testing"
)

// Whoever does not know a feed's key learns nothing: the answers for a feed that
// is open, for one that is kept for the partner alone, and for one that the box
// has never heard of are the same bytes.
func TestStrangerLearnsNothing(t *testing.T) {
	s := playBox(t)
	b := s.box()
	open := s.writer("--blocks", "10", "--seed", "open")
	b.pin(open.ready.Key)
	open.push(b)
	closed := s.writer("--blocks", "10", "--seed", "closed")
	s.must(b.partner.Pin(s.ctx, b.Box, closed.ready.Key, false))

	stranger := s.peer("stranger.mjs", "--to", b.address())
	probe := func(discoveryKey string) facts {
		f := stranger.do("probe", with{"discoveryKey": discoveryKey})
		return facts{Frames: f.Frames, Closed: f.Closed}
	}
	unknown := probe(strings.Repeat("5a", 32))
	for name, w := range map[string]*player{"an open feed": open, "a feed that is not open": closed} {
		if got := probe(w.ready.DiscoveryKey); !reflect.DeepEqual(got, unknown) {
			t.Errorf("asked for %s the box answers %+v, for an unknown one %+v", name, got, unknown)
		}
	}
	// Nor does it pay to ask first for what one knows.
	if again := probe(strings.Repeat("5a", 32)); !reflect.DeepEqual(again, unknown) {
		t.Errorf("asked again the box answers %+v, before %+v", again, unknown)
	}
}

// Knowing the key of a feed that is not open is not enough: nothing is taken, and
// nothing is given.
func TestFeedThatIsNotOpen(t *testing.T) {
	s := playBox(t)
	b := s.box()
	w := s.writer("--blocks", "10")
	s.must(b.partner.Pin(s.ctx, b.Box, w.ready.Key, false))
	w.do("dial", with{"to": b.address()})
	r := s.reader(w.ready.Key, []host{b})
	if got := r.do("block", with{"index": 0, "within": 500}); got.SHA256 != "" {
		t.Errorf("a block came: %+v", got)
	}
	if st := b.state(w.ready.Key); st.length != 0 {
		t.Errorf("the box took from a stranger: %+v", st)
	}
	// Once it is open they replicate, without anybody dialling again.
	b.pin(w.ready.Key)
	want := w.do("sum")
	if got := r.do("sum", with{"length": want.Length}); !got.same(want) {
		t.Errorf("the reader got %+v, want %+v", got, want)
	}
}

// A peer that lies is cut off, and nothing of the lie is stored; what honest
// peers bring is.
func TestLiars(t *testing.T) {
	for _, lie := range []string{"block", "signature", "node"} {
		t.Run(lie, func(t *testing.T) {
			s := playBox(t)
			b := s.box()
			l := s.peer("liar.mjs", "--storage", s.TempDir(), "--seed", s.Name(), "--lie", lie, "--to", b.address())
			b.pin(l.ready.Key)
			l.hear("closed")
			if n := l.do("lies").Lies; n == 0 {
				t.Error("it was cut off before it lied")
			}
			st := b.state(l.ready.Key)
			if st.blocks > 0 {
				t.Errorf("the box holds blocks of a liar: %+v", st)
			}
			if lie != "block" && st.length > 0 {
				t.Errorf("the box believes the liar's head: %+v", st)
			}
			// The honest writer of the same feed, whose bytes are not what the liar began with.
			w := s.writer("--blocks", "20", "--size", "1000", "--content", s.Name())
			if w.ready.Key != l.ready.Key {
				t.Fatal("the writer is not the liar's honest twin")
			}
			want := w.push(b)
			r := s.reader(w.ready.Key, []host{b})
			if got := r.do("sum", with{"length": want.Length}); !got.same(want) {
				t.Errorf("the reader got %+v, want %+v", got, want)
			}
		})
	}
}

// A writer that signs two different feeds of one length is not a liar who can be
// turned away but evidence: the box keeps what it has, and the pin is frozen.
func TestWriterContradictsItself(t *testing.T) {
	s := playBox(t)
	b := s.box()
	first := s.writer("--blocks", "20", "--size", "1000", "--content", "one")
	b.pin(first.ready.Key)
	want := first.push(b)
	first.leave()
	second := s.writer("--blocks", "30", "--size", "1000", "--content", "another")
	second.do("dial", with{"to": b.address()})
	s.until(b, first.ready.Key, func(h held) bool { return strings.HasPrefix(h.why, "frozen") })
	second.leave()
	st := b.status(first.ready.Key)
	if st.Head.Length != want.Length || st.Blocks != want.Length {
		t.Errorf("the box holds %+v, want the first feed of %d blocks", st, want.Length)
	}
}
