package pairing

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cobox/provision/label"
	"cobox/seeder/identity"

	"golang.org/x/time/rate"
)

// An Authority decides what codes are worth.
type Authority interface {
	// Find returns the claim key of a code that counts, or was used; false for all
	// others. It is asked about whatever strangers send.
	Find(id label.ClaimID) (label.ClaimKey, bool)
	// Redeem makes what the code stands for so, durably, and returns where the
	// chain is then. The same key may ask again, and changes nothing. An error
	// made by [Refuse] is the answer; any other is told as [Storage].
	Redeem(Proved) (epoch, seq uint64, err error)
}

// A Proved is a claim whose signatures are right.
type Proved struct {
	ID         label.ClaimID
	Claim      label.ClaimKey
	Kind       Kind
	Key        [32]byte
	SealedName []byte
	// From is the address that the claim came from; it is not valid for one that
	// came by way of a relay.
	From           netip.Addr
	Transcript     Transcript
	ClaimSignature [64]byte
	KeySignature   [64]byte
}

// Limits of the exchange: what strangers can make a box do. There is no
// lock-out: 90 bits need none, and it would be a way to keep the owner out.
// Reference: pairing, section 2.7.
const (
	// patience is how long one exchange may take.
	patience = 3 * time.Second
	// slots bounds the exchanges under way.
	slots = 32
	// perSource bounds those from one address.
	perSource = 2
	// checks is how many claims for a known code are verified in a second, two
	// signatures each.
	checks = 200
)

// A Box is the box's side. It is safe for concurrent use.
type Box struct {
	key   ed25519.PrivateKey
	auth  Authority
	limit *rate.Limiter
	stats stats

	mu    sync.Mutex
	under map[*exchange]struct{} // mu; exchanges under way
}

type stats struct{ accepted, denied, refused, broken, evicted, checked atomic.Uint64 }

// Stats are counts since the Box was made.
type Stats struct {
	Accepted uint64 // claims that were granted
	Denied   uint64 // claims without the code: what an owner should hear of
	Refused  uint64 // claims with the code that were not granted
	Broken   uint64 // exchanges that did not come to a claim
	Evicted  uint64 // of those, silent ones who had to make room
	Checked  uint64 // claims whose signatures were verified
}

// NewBox returns the box's side of the exchange for a box key.
func NewBox(key ed25519.PrivateKey, auth Authority) *Box {
	return &Box{key: key, auth: auth, limit: rate.NewLimiter(checks, checks), under: make(map[*exchange]struct{})}
}

// Stats returns the counts so far.
func (b *Box) Stats() Stats {
	s := &b.stats
	return Stats{s.accepted.Load(), s.denied.Load(), s.refused.Load(), s.broken.Load(), s.evicted.Load(), s.checked.Load()}
}

// An exchange is one that is under way.
type exchange struct {
	peer   identity.PeerID
	from   netip.Addr
	began  time.Time
	spoken bool // a whole claim has come: it is not put out any more
	close  func()
}

// Handle carries one exchange and closes the stream. peer is who is at the other
// end, from its address, not valid by way of a relay.
func (b *Box) Handle(ctx context.Context, stream io.ReadWriteCloser, peer identity.PeerID, from netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var once sync.Once
	end := func() { once.Do(func() { _ = stream.Close() }) }
	defer end()
	stop := context.AfterFunc(ctx, end)
	defer stop()
	x := &exchange{peer: peer, from: from, began: time.Now(), close: end}
	if !b.enter(x) {
		b.stats.broken.Add(1)
		return
	}
	defer b.leave(x)
	if err := b.exchange(ctx, stream, x); err != nil {
		b.stats.broken.Add(1)
	}
}

// enter finds room for x. The newcomer is let in, and the oldest who has said
// nothing goes: the owner must get in however many strangers wait. A peer has one
// exchange: a new one ends the one before, whose answer was lost perhaps.
func (b *Box) enter(x *exchange) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var fromSame []*exchange
	for y := range b.under {
		if y.peer == x.peer {
			b.evictLocked(y)
		} else if y.from == x.from && x.from.IsValid() && !x.from.IsLoopback() {
			fromSame = append(fromSame, y)
		}
	}
	if len(fromSame) >= perSource && !b.evictLocked(oldestSilent(slices.Values(fromSame))) {
		return false
	}
	if len(b.under) >= slots && !b.evictLocked(oldestSilent(maps.Keys(b.under))) {
		return false
	}
	b.under[x] = struct{}{}
	return true
}

// oldestSilent returns the oldest exchange in which no claim has come; nil when
// there is none.
func oldestSilent(all iter.Seq[*exchange]) (oldest *exchange) {
	for y := range all {
		if !y.spoken && (oldest == nil || y.began.Before(oldest.began)) {
			oldest = y
		}
	}
	return oldest
}

// evictLocked ends an exchange; false for nil.
func (b *Box) evictLocked(x *exchange) bool {
	if x == nil {
		return false
	}
	delete(b.under, x)
	b.stats.evicted.Add(1)
	go x.close() // closing may take its time
	return true
}

func (b *Box) leave(x *exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.under, x)
}

func (b *Box) exchange(ctx context.Context, stream io.ReadWriter, x *exchange) error {
	var h hello
	if _, err := rand.Read(h.nonce[:]); err != nil {
		return err
	}
	if err := writeMessage(stream, h.append(nil)); err != nil {
		return err
	}
	body, err := readMessage(stream)
	if err != nil {
		return err
	}
	m, err := parseClaim(body)
	if err != nil {
		return err
	}
	b.mu.Lock()
	x.spoken = true
	b.mu.Unlock()
	box := identity.BoxKeyOf(b.key)
	t := transcript(box.PeerID(), x.peer, h.nonce, &m)
	a := b.decide(ctx, &m, t, x.from)
	switch a.answer {
	case OK:
		b.stats.accepted.Add(1)
		a.box = box
		copy(a.signature[:], ed25519.Sign(b.key, t.forBox(a.epoch, a.seq)))
	case Denied:
		b.stats.denied.Add(1)
	default:
		b.stats.refused.Add(1)
	}
	return writeMessage(stream, a.append(nil))
}

// decide checks a claim, the cheap parts first, and has it carried out.
func (b *Box) decide(ctx context.Context, m *claim, t Transcript, from netip.Addr) accept {
	key, ok := b.auth.Find(m.id)
	if !ok || b.limit.Wait(ctx) != nil {
		return accept{answer: Denied}
	}
	b.stats.checked.Add(1)
	if !key.Verify(t.forClaim(), m.claimSignature[:]) || !ed25519.Verify(m.key[:], t.forKey(), m.keySignature[:]) {
		return accept{answer: Denied}
	}
	epoch, seq, err := b.auth.Redeem(Proved{
		ID: m.id, Claim: key, Kind: m.kind, Key: m.key, SealedName: m.sealedName, From: from,
		Transcript: t, ClaimSignature: m.claimSignature, KeySignature: m.keySignature,
	})
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return accept{answer: refusal.Answer}
	}
	if err != nil {
		return accept{answer: Storage}
	}
	return accept{answer: OK, proof: t.proof(key), epoch: epoch, seq: seq}
}
