package wire_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cobox/seeder/compact"
	"cobox/seeder/wire"
)

// A jsMux keeps its channels as JavaScript's protomux does, where that differs
// from ours: it may take its time over an open before it opens too or rejects,
// passes over a close that comes in the meantime, takes the id that was freed
// last, and ends the connection on a reject that it does not expect.
type jsMux struct {
	who    string
	rnd    *rand.Rand
	local  []*jsChannel // by own id less 1
	free   []uint64     // own ids, the last freed at the end
	remote []*jsRemote  // by the peer's id less 1
	topics [names]jsTopic
	out    [][]byte // frames under way to the peer
	heard  int      // messages
	next   uint32
}

// A jsTopic is what there is under one name.
type jsTopic struct {
	outgoing []uint64 // own ids that were opened and not answered, closed or not
	incoming []uint64 // the peer's ids that were opened and not answered
	thinking int      // answers that are due
	current  *jsChannel
}

type jsChannel struct {
	topic  int
	local  uint64
	remote uint64 // 0 until the peer has opened it
	number uint32 // of this end, as a talk's
	peer   uint32 // of the other end
}

type jsRemote struct {
	channel *jsChannel // nil while the answer is due
	number  uint32
	pending []uint32 // messages that came in the meantime
}

func (j *jsMux) send(frame []byte) { j.out = append(j.out, frame) }

// open opens a channel, or answers the oldest open of the peer's that waits.
func (j *jsMux) open(topic int) {
	t := &j.topics[topic]
	if t.current != nil {
		return
	}
	j.next++
	c := &jsChannel{topic: topic, number: j.next}
	if n := len(j.free); n > 0 {
		c.local, j.free = j.free[n-1], j.free[:n-1]
	} else {
		j.local = append(j.local, nil)
		c.local = uint64(len(j.local))
	}
	j.local[c.local-1] = c
	t.current = c
	j.send(openFrame(c.local, "p", string([]byte{byte(topic)}), number(c.number)...))
	if len(t.incoming) == 0 {
		t.outgoing = append(t.outgoing, c.local)
		return
	}
	c.remote, t.incoming = t.incoming[0], t.incoming[1:]
	r := j.remote[c.remote-1]
	j.pair(c, r)
}

func (j *jsMux) pair(c *jsChannel, r *jsRemote) {
	r.channel, c.peer = c, r.number
	for _, n := range r.pending {
		j.received(c, n)
	}
	r.pending = nil
}

func (j *jsMux) received(c *jsChannel, from uint32) {
	j.heard++
	if from != c.peer {
		panic(fmt.Sprintf("%s: channel %d hears number %d, its other end is %d", j.who, c.topic, from, c.peer))
	}
}

// answer comes to an end with thinking about an open of the peer's: it is
// answered by one's own, or rejected with all others of the name that wait.
func (j *jsMux) answer(topic int) {
	t := &j.topics[topic]
	if t.thinking == 0 {
		return
	}
	if len(t.incoming) > 0 && j.rnd.IntN(3) > 0 {
		j.open(topic)
	}
	if t.thinking--; t.thinking > 0 {
		return
	}
	for _, id := range t.incoming {
		j.remote[id-1] = nil
		j.send(rejectFrame(id))
	}
	t.incoming = nil
}

// forget drops a channel. Its own id is free only when the peer has answered.
func (j *jsMux) forget(c *jsChannel) {
	j.topics[c.topic].current = nil
	if c.remote != 0 {
		j.remote[c.remote-1] = nil
		j.free = append(j.free, c.local)
	}
	j.local[c.local-1] = nil
}

// act does something at random.
func (j *jsMux) act() {
	topic := j.rnd.IntN(names)
	c := j.topics[topic].current
	switch what := j.rnd.IntN(6); {
	case what < 2:
		j.answer(topic)
	case c == nil:
		j.open(topic)
	case what == 2:
		j.send(closeFrame(c.local))
		j.forget(c)
	case c.remote != 0:
		j.send(messageFrame(c.local, 0, number(c.number)...))
	}
}

// hear takes in a frame. An error means that JavaScript would end the connection.
func (j *jsMux) hear(frame []byte) error {
	d := compact.NewDecoder(frame)
	id := d.Uint()
	typ := d.Uint()
	if id != 0 {
		if id > uint64(len(j.remote)) || j.remote[id-1] == nil {
			return nil
		}
		r, from := j.remote[id-1], d.Uint32()
		if r.channel == nil {
			r.pending = append(r.pending, from)
			return nil
		}
		j.received(r.channel, from)
		return nil
	}
	id = d.Uint()
	switch typ {
	case 1:
		_ = d.Buffer()
		return j.opened(id, int(d.Buffer()[0]), d.Uint32())
	case 2:
		for i := range j.topics {
			t := &j.topics[i]
			if at := slices.Index(t.outgoing, id); at >= 0 {
				t.outgoing = slices.Delete(t.outgoing, at, at+1)
				if c := j.local[id-1]; c != nil {
					j.forget(c)
				}
				j.free = append(j.free, id)
				return nil
			}
		}
		return fmt.Errorf("invalid reject of %d", id)
	case 3:
		if id <= uint64(len(j.remote)) && j.remote[id-1] != nil && j.remote[id-1].channel != nil {
			j.forget(j.remote[id-1].channel)
		}
	}
	return nil
}

func (j *jsMux) opened(id uint64, topic int, from uint32) error {
	if id == uint64(len(j.remote))+1 {
		j.remote = append(j.remote, nil)
	}
	if id == 0 || id > uint64(len(j.remote)) || j.remote[id-1] != nil {
		return fmt.Errorf("invalid open of %d", id)
	}
	t := &j.topics[topic]
	if len(t.outgoing) == 0 {
		j.remote[id-1] = &jsRemote{number: from}
		t.incoming = append(t.incoming, id)
		t.thinking++
		return nil
	}
	local := t.outgoing[0]
	t.outgoing = t.outgoing[1:]
	c := j.local[local-1]
	if c == nil { // closed before this answer to it
		j.free = append(j.free, local)
		return nil
	}
	j.remote[id-1] = &jsRemote{number: from}
	c.remote = id
	j.pair(c, j.remote[id-1])
	return nil
}

// takeOut returns the next frame, or a batch of the next few.
func (j *jsMux) takeOut() []byte {
	n := 1 + j.rnd.IntN(min(len(j.out), 4))
	frames := j.out[:n]
	j.out = j.out[n:]
	if n == 1 {
		return frames[0]
	}
	var items []item
	for _, f := range frames {
		d := compact.NewDecoder(f)
		items = append(items, item{d.Uint(), d.Rest()})
	}
	return batchFrame(items...)
}

// TestRandomTalkWithJavaScript: neither side is ever driven into an error by
// the other's way of keeping channels, and in the end they agree.
func TestRandomTalkWithJavaScript(t *testing.T) {
	heard := 0
	for seed := range uint64(1000) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		p := &talker{t: t, who: fmt.Sprintf("seed %d, ours", seed), rnd: rnd, mux: wire.NewMux()}
		j := &jsMux{who: fmt.Sprintf("seed %d, JavaScript", seed), rnd: rnd}
		toJS := func() {
			frame := p.out[0]
			p.out = p.out[1:]
			if err := j.hear(frame); err != nil {
				t.Fatalf("%s ends the connection: %v", j.who, err)
			}
		}
		toUs := func() {
			frame := j.takeOut()
			if err := p.mux.Receive(frame, p.handle); err != nil {
				p.fatalf("Receive(%x) = %v", frame, err)
			}
			p.flush()
		}
		for range 400 {
			switch n := rnd.IntN(10); {
			case n < 3:
				p.act()
			case n < 6:
				j.act()
			case n < 8 && len(p.out) > 0:
				toJS()
			case n >= 8 && len(j.out) > 0:
				toUs()
			}
		}
		for waiting := true; waiting; {
			waiting = false
			for i := range j.topics {
				j.answer(i)
				waiting = waiting || j.topics[i].thinking > 0
			}
			for len(p.out) > 0 {
				waiting = true
				toJS()
			}
			for len(j.out) > 0 {
				waiting = true
				toUs()
			}
		}
		for i := range names {
			ours, theirs := p.mine[i], j.topics[i].current
			switch {
			case (ours == nil) != (theirs == nil):
				t.Fatalf("seed %d: channel %d is %+v on our side, %+v on JavaScript's", seed, i, ours, theirs)
			case ours != nil && (!ours.open || ours.peer != theirs.number || theirs.peer != ours.number):
				t.Fatalf("seed %d: channel %d is %+v on our side, %+v on JavaScript's", seed, i, ours, theirs)
			}
		}
		if len(j.remote) > 2*names {
			t.Fatalf("seed %d: our ids go up to %d, for %d names", seed, len(j.remote), names)
		}
		heard += p.heard + j.heard
	}
	if heard < 1000 {
		t.Errorf("only %d messages were heard", heard)
	}
}
