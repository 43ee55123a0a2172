// Package garble is connections of a peer who does not say what the protocol has him say.
package garble

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync/atomic"

	"cobox/seeder/replicate"
)

// A Conn loses, repeats, swaps, cuts short and changes frames that are written to it. It
// is for one writer.
type Conn struct {
	replicate.Conn
	Count *atomic.Int64 // of the frames that were not left alone
	Rand  *rand.Rand
	Every int // of so many frames one is not left alone

	held []byte // a frame that goes after the next
	old  []byte // one of before
}

func (g *Conn) WriteFrame(parts ...[]byte) error {
	frame := bytes.Join(parts, nil)
	if g.Rand.IntN(g.Every) != 0 || len(frame) == 0 {
		return g.pass(frame)
	}
	g.Count.Add(1)
	switch g.Rand.IntN(8) {
	case 0:
		return nil
	case 1:
		return errors.Join(g.pass(frame), g.pass(frame))
	case 2:
		g.held = frame
		return nil
	case 3:
		return g.pass(frame[:g.Rand.IntN(len(frame))])
	case 4:
		if g.old != nil {
			return g.pass(g.old)
		}
	case 5:
		junk := make([]byte, g.Rand.IntN(200))
		for i := range junk {
			junk[i] = byte(g.Rand.Uint32())
		}
		return g.pass(junk)
	case 6:
		frame = append(frame, frame[g.Rand.IntN(len(frame)):]...)
	default:
		for range 1 + g.Rand.IntN(3) {
			frame[g.Rand.IntN(len(frame))] ^= 1 << g.Rand.IntN(8)
		}
	}
	return g.pass(frame)
}

func (g *Conn) pass(frame []byte) error {
	err := g.Conn.WriteFrame(frame)
	if g.held != nil && err == nil {
		err = g.Conn.WriteFrame(g.held)
		g.held = nil
	}
	if g.Rand.IntN(4) == 0 {
		g.old = bytes.Clone(frame)
	}
	return err
}
