package wire_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"cobox/seeder/wire"
)

// names is how many channels two random peers speak about.
const names = 4

// A talker is one of two peers that open, reject, close and use channels at random.
type talker struct {
	t     *testing.T
	who   string
	rnd   *rand.Rand
	mux   *wire.Mux
	mine  [names]*talk // that are not gone
	out   [][]byte     // frames under way to the other one
	heard int          // messages
	next  uint32
}

// A talk is what the owner of a channel knows of it. Each end of a channel has
// a number, which its handshake and all its messages carry, so that the other
// end can tell whether it hears what was meant for it.
type talk struct {
	c      *wire.Channel
	number uint32
	open   bool
	peer   uint32 // the number of the other end
}

func number(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func (p *talker) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s", p.who, fmt.Sprintf(format, args...))
}

func nameIndex(c *wire.Channel) int { return int(c.ID()[0]) }

// handle is the owner's side of events, and checks that they make sense to it.
func (p *talker) handle(ev wire.Event) error {
	i := nameIndex(ev.Channel)
	k, _ := ev.Channel.Data.(*talk)
	if ev.Kind != wire.RemoteOpen && (k == nil || k != p.mine[i]) {
		p.fatalf("event %d about a channel that is gone", ev.Kind)
	}
	switch ev.Kind {
	case wire.RemoteOpen:
		if p.mine[i] != nil {
			p.fatalf("asked for channel %d, which it has", i)
		}
		if p.rnd.IntN(3) == 0 {
			return nil // the mux rejects it
		}
		p.next++
		k = &talk{c: ev.Channel, number: p.next, open: true, peer: binary.LittleEndian.Uint32(ev.Handshake)}
		ev.Channel.Data = k
		p.mine[i] = k
		p.mux.Accept(ev.Channel, number(k.number))
	case wire.Opened:
		if k.open {
			p.fatalf("channel %d opens twice", i)
		}
		k.open, k.peer = true, binary.LittleEndian.Uint32(ev.Handshake)
	case wire.Rejected:
		if k.open {
			p.fatalf("channel %d is rejected while open", i)
		}
		p.mine[i] = nil
	case wire.Closed:
		if !k.open {
			p.fatalf("channel %d closes before it is open", i)
		}
		p.mine[i] = nil
	case wire.Received:
		p.heard++
		if from := binary.LittleEndian.Uint32(ev.Body); !k.open || from != k.peer {
			p.fatalf("channel %d hears number %d, its other end is %d", i, from, k.peer)
		}
		if p.rnd.IntN(20) == 0 {
			p.close(i)
		}
	}
	return nil
}

func (p *talker) close(i int) {
	p.mux.Close(p.mine[i].c)
	p.mine[i] = nil
}

// act does something at random.
func (p *talker) act() {
	i := p.rnd.IntN(names)
	k := p.mine[i]
	switch what := p.rnd.IntN(6); {
	case k == nil && what < 3:
		p.next++
		c := p.mux.Open("p", []byte{byte(i)}, number(p.next))
		if c == nil {
			p.fatalf("channel %d cannot be opened", i)
		}
		k = &talk{c: c, number: p.next}
		c.Data = k
		p.mine[i] = k
	case k != nil && what == 0:
		p.close(i)
	case k != nil && k.open:
		p.flush()
		p.out = append(p.out, append(k.c.AppendHeader(nil, 0), number(k.number)...))
	}
	p.flush()
}

func (p *talker) flush() { p.out = append(p.out, p.mux.Frames()...) }

// hear takes in the first frame that is under way to p.
func (p *talker) hear(from *talker) {
	frame := from.out[0]
	from.out = from.out[1:]
	if err := p.mux.Receive(frame, p.handle); err != nil {
		p.fatalf("Receive(%x) = %v", frame, err)
	}
	p.flush()
}

// Two peers that follow the rules never end in an error, whatever they do and
// however long frames are under way; and in the end they agree on what is open.
func TestRandomTalk(t *testing.T) {
	heard := 0
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		a := &talker{t: t, who: fmt.Sprintf("seed %d, a", seed), rnd: rnd, mux: wire.NewMux()}
		b := &talker{t: t, who: fmt.Sprintf("seed %d, b", seed), rnd: rnd, mux: wire.NewMux()}
		for range 400 {
			switch n := rnd.IntN(10); {
			case n < 3:
				a.act()
			case n < 6:
				b.act()
			case n < 8 && len(a.out) > 0:
				b.hear(a)
			case n >= 8 && len(b.out) > 0:
				a.hear(b)
			}
		}
		for len(a.out)+len(b.out) > 0 {
			if len(b.out) == 0 || len(a.out) > 0 && rnd.IntN(2) == 0 {
				b.hear(a)
			} else {
				a.hear(b)
			}
		}
		for i := range names {
			x, y := a.mine[i], b.mine[i]
			switch {
			case (x == nil) != (y == nil):
				t.Fatalf("seed %d: channel %d is there on one side only: %v, %v", seed, i, x, y)
			case x != nil && (!x.open || !y.open || x.peer != y.number || y.peer != x.number):
				t.Fatalf("seed %d: channel %d is %+v on the one side, %+v on the other", seed, i, x, y)
			}
			// Ids stay dense: no more than there are names.
			for _, k := range []*talk{x, y} {
				if k != nil && k.c.AppendHeader(nil, 0)[0] > names {
					t.Fatalf("seed %d: channel %d has id %d", seed, i, k.c.AppendHeader(nil, 0)[0])
				}
			}
		}
		heard += a.heard + b.heard
	}
	if heard < 1000 {
		t.Errorf("only %d messages were heard", heard)
	}
}
