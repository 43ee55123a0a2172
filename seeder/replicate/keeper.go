package replicate

import (
	"fmt"
	"runtime"

	"cobox/seeder/wire"
)

// Blocks are hashed, verified and stored by a few keepers of the session, while
// its reader takes in the next frames: on a small board one core hashes little
// more than half of what the network brings.

// An answer is an answer to a request of ours, on its way into the store.
type answer struct {
	p    *peer
	q    *request
	d    *wire.Data
	late bool // the request had been given up by then
}

const (
	// handOver is the size from which a block is worth the way to a keeper.
	handOver = 4 << 10
	// maxKeeping bounds the bytes of blocks between the reader and the store. One
	// block may be larger by itself.
	maxKeeping = 2 << 20
	// maxKeepers bounds the goroutines of a session that hash and store.
	maxKeepers = 4
	// keepValue is the largest buffer for a block that is used again.
	keepValue = 1 << 20
)

func keepers() int { return min(runtime.GOMAXPROCS(0), maxKeepers) }

// hand gives an answer with a block to the keepers; it waits while they have
// enough. The block is copied, since its frame's buffer is used again.
func (s *session) hand(a answer) {
	value := append(s.x.buffer(), a.d.Block.Value...)
	a.d.Block.Value = value
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.keeping > 0 && s.keeping+len(value) > maxKeeping && !s.ended {
		s.work.Wait()
	}
	s.keeping += len(value)
	s.arrived = append(s.arrived, a)
	s.toKeep.Signal()
}

// keep stores answers until the session has ended and none is left.
func (s *session) keep() {
	for {
		s.mu.Lock()
		for len(s.arrived) == 0 && !s.readAll {
			s.toKeep.Wait()
		}
		if len(s.arrived) == 0 {
			s.mu.Unlock()
			return
		}
		a := s.arrived[0]
		s.arrived = s.arrived[1:]
		s.mu.Unlock()

		value := a.d.Block.Value
		err := a.p.keep(a)
		s.x.recycle(value)
		s.mu.Lock()
		s.keeping -= len(value)
		s.work.Broadcast()
		s.mu.Unlock()
		if err != nil {
			s.end(fmt.Errorf("replicating with %s: %w: %w", s.peer.Name, ErrPeer, err))
			continue
		}
		s.pump()
	}
}

// buffer returns an empty buffer for a block.
func (x *Exchange) buffer() []byte {
	if b, ok := x.buffers.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return nil
}

// recycle takes a buffer back.
func (x *Exchange) recycle(b []byte) {
	if cap(b) <= keepValue {
		x.buffers.Put(&b)
	}
}
