package replicate

import (
	"fmt"
	"runtime"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// Blocks are hashed, verified and stored by a few keepers of the session, while
// its reader takes in the next frames: on a small board one core hashes little
// more than half of what the network brings. A keeper takes several blocks at
// once where there are several, since they are hashed in hardly more time than one.

// An answer is an answer to a request of ours, on its way into the store.
type answer struct {
	p    *peer
	q    *request
	d    *wire.Data
	late bool // the request had been given up by then
	// buf is where the block is, from getBuffer; nil for a small one, which no keeper gets.
	buf []byte
}

const (
	// handOver is the size from which a block is worth the way to a keeper.
	handOver = 4 << 10
	// maxKeeping bounds the bytes of blocks between the reader and the store that a
	// session may always have. One block may be larger by itself.
	maxKeeping = 2 << 20
	// maxExtra bounds what all sessions of an exchange may have beyond that, and
	// maxSessionExtra what one may: so the large blocks of a few busy peers are hashed
	// several at once, and many peers do not take more memory for it.
	maxExtra        = 16 << 20
	maxSessionExtra = 6 << 20
	// maxKeepers bounds the goroutines of a session that hash and store.
	maxKeepers = 4
	// maxTogether bounds the bytes of blocks that a keeper takes at once. One block
	// may be larger by itself.
	maxTogether = 4 << 20
	// gatherTime is how long a block may wait for others that are under way, to be
	// hashed together with them. It is little beside what a block waits to be
	// synced, and so nobody else has to wait for longer; but most of the cost of
	// hashing is saved also where the peer, and not we, is the slow one.
	gatherTime = 4 * time.Millisecond
)

func keepers() int { return min(runtime.GOMAXPROCS(0), maxKeepers) }

// hand gives an answer with a block to the keepers; it waits while they have
// enough. The block takes its frame's buffer with it, or is copied where much else is
// in the frame, which nobody accounts for.
func (s *session) hand(a answer) {
	value := a.d.Block.Value
	if s.only != nil && len(value) >= len(s.only)-len(s.only)/4 && s.conn.Detach() {
		value = inFrame(s.only, value)
		a.d.Block.Value = value
		a.buf, s.only = s.only, nil
	} else {
		a.buf = getBuffer(len(value))
		copy(a.buf, value)
		value = a.buf
		a.d.Block.Value = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.keeping > 0 && !s.roomLocked(len(value)) && !s.ended {
		s.overdue = true // what has come is all that can come
		s.toKeep.Signal()
		s.work.Wait()
	}
	s.keeping += len(value)
	s.arrived = append(s.arrived, a)
	if s.readyLocked() {
		s.toKeep.Signal()
	} else if len(s.arrived) == 1 {
		s.gather.Reset(gatherTime)
	}
}

// roomLocked reports whether n bytes more may be kept, and takes what they need of
// the exchange's extra: as long as there are too few blocks to be hashed together.
func (s *session) roomLocked(n int) bool {
	need := s.keeping + n - maxKeeping - s.extra
	if need <= 0 {
		return true
	}
	if s.extra+need > maxSessionExtra || len(s.arrived) >= feed.HashWidth() {
		return false
	}
	if s.x.extra.Add(int64(need)) > maxExtra {
		s.x.extra.Add(-int64(need))
		return false
	}
	s.extra += need
	return true
}

// keptLocked notes that n bytes are kept no longer, and gives back what is not needed
// of the exchange's extra.
func (s *session) keptLocked(n int) {
	s.keeping -= n
	if over := s.extra - max(0, s.keeping-maxKeeping); over > 0 {
		s.extra -= over
		s.x.extra.Add(-int64(over))
	}
}

// readyLocked reports whether what has arrived is to be hashed now: it is enough,
// or nothing else is under way that would be worth waiting for.
func (s *session) readyLocked() bool {
	if len(s.arrived) == 0 {
		return false
	}
	if s.overdue || s.readAll || s.flow.requests == 0 || len(s.arrived) >= feed.HashWidth() {
		return true
	}
	n := 0
	for _, a := range s.arrived {
		n += len(a.d.Block.Value)
	}
	return n >= maxTogether
}

// gathered is called when what has arrived has waited for long enough.
func (s *session) gathered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overdue = true
	s.toKeep.Signal()
}

// takeArrived waits for answers and takes some; none at the end.
func (s *session) takeArrived() []answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.readyLocked() {
		if s.readAll {
			return nil
		}
		s.toKeep.Wait()
	}
	n, size := 0, 0
	for n < min(len(s.arrived), feed.HashWidth()) && (n == 0 || size+len(s.arrived[n].d.Block.Value) <= maxTogether) {
		size += len(s.arrived[n].d.Block.Value)
		n++
	}
	taken := s.arrived[:n:n]
	s.arrived = s.arrived[n:]
	s.overdue = false
	if s.readyLocked() {
		s.toKeep.Signal() // for another keeper
	} else if len(s.arrived) > 0 {
		s.gather.Reset(gatherTime)
	}
	return taken
}

// keep stores answers until the session has ended and none is left.
func (s *session) keep() {
	for {
		taken := s.takeArrived()
		if len(taken) == 0 {
			return
		}
		proofs := make([]*feed.BlockProof, len(taken))
		for i, a := range taken {
			proofs[i] = a.d.Block
		}
		feed.HashBlocks(proofs)
		for _, a := range taken {
			s.keepOne(a)
		}
		s.pump()
	}
}

// keepOne verifies and stores an answer whose block is hashed.
func (s *session) keepOne(a answer) {
	value := a.d.Block.Value
	err := a.p.keep(a)
	if !a.p.r.keeps {
		putBuffer(a.buf)
	}
	s.mu.Lock()
	s.keptLocked(len(value))
	s.work.Broadcast()
	s.mu.Unlock()
	if err != nil {
		s.end(fmt.Errorf("replicating with %s: %w: %w", s.peer.Name, ErrPeer, err))
	}
}
