package pin

import (
	"errors"
	"fmt"
	"sync"

	"cobox/seeder/identity"
)

var (
	// ErrNoGrant says that a partner has no grant on this box, or none any more.
	ErrNoGrant = errors.New("there is no grant for this partner on this box, or it has ended: ask the operator for one")
	// ErrOverQuota says that a grant does not allow what was asked. The error is
	// a [*QuotaError] or a [*FeedsError] with the figures.
	ErrOverQuota = errors.New("over quota")
	// ErrBoxFull says that the box's disk does not allow what was asked, though
	// the grant does. The error is a [*FullError].
	ErrBoxFull = errors.New("the box is full")
)

// A QuotaError says by how much a partner's quota does not suffice. It wraps
// [ErrOverQuota].
type QuotaError struct {
	Partner  identity.PartnerKey
	Quota    uint64 // bytes that the grant allows
	Used     uint64 // bytes committed
	Reserved uint64 // bytes reserved and not yet committed
	Asked    uint64 // bytes asked for
}

// Error says what is missing and what to do.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("%v: %s asked for, %s used and %s reserved of %s: unpin something, or ask the operator for a larger grant",
		ErrOverQuota, size(e.Asked), size(e.Used), size(e.Reserved), size(e.Quota))
}

// Unwrap returns [ErrOverQuota].
func (e *QuotaError) Unwrap() error { return ErrOverQuota }

// A FeedsError says that a partner has pinned as many feeds as its grant
// allows. It wraps [ErrOverQuota].
type FeedsError struct {
	Partner  identity.PartnerKey
	Feeds    int // pinned
	MaxFeeds int // allowed
}

// Error says what is missing and what to do.
func (e *FeedsError) Error() string {
	return fmt.Sprintf("%v: %d feeds pinned of %d: unpin something, or ask the operator for a larger grant",
		ErrOverQuota, e.Feeds, e.MaxFeeds)
}

// Unwrap returns [ErrOverQuota].
func (e *FeedsError) Unwrap() error { return ErrOverQuota }

// A FullError says by how much the box's disk does not suffice. It wraps [ErrBoxFull].
type FullError struct {
	Capacity uint64 // bytes that the box can take in all
	Taken    uint64 // bytes committed or reserved, of all partners
	Asked    uint64 // bytes asked for
}

// Error says what is missing and what to do.
func (e *FullError) Error() string {
	return fmt.Sprintf("%v: %s asked for, %s taken of %s: ask the operator for a larger disk, or pin on another box",
		ErrBoxFull, size(e.Asked), size(e.Taken), size(e.Capacity))
}

// Unwrap returns [ErrBoxFull].
func (e *FullError) Unwrap() error { return ErrBoxFull }

// A Ledger counts the bytes and feeds promised to each partner by its grant
// against those committed and reserved, and all bytes against what the box's
// disk can take. A feed that several partners pin counts for each, here and for
// the disk: the box then holds a little more than it must, and never less.
//
// The Ledger has no clock and no disk: the caller takes grants away that have
// expired ([Ledger.RemoveGrant]) and tells it at start what is there
// ([Ledger.Load]). It is safe for concurrent use. Make one with [NewLedger].
type Ledger struct {
	mu       sync.Mutex
	accounts map[identity.PartnerKey]*account // mu
	taken    uint64                           // committed and reserved, of all accounts; mu
	capacity uint64                           // mu
	bounded  bool                             // capacity has been set; mu
}

// An account is what the Ledger knows of one partner.
type account struct {
	grant    identity.Grant
	granted  bool
	used     uint64
	reserved uint64
	feeds    int
}

// NewLedger returns a Ledger without grants, and without bound on the box's
// bytes until [Ledger.SetCapacity] sets one.
func NewLedger() *Ledger {
	return &Ledger{accounts: make(map[identity.PartnerKey]*account)}
}

// accountLocked returns p's account, which is made when it is not there.
func (l *Ledger) accountLocked(p identity.PartnerKey) *account {
	a := l.accounts[p]
	if a == nil {
		a = new(account)
		l.accounts[p] = a
	}
	return a
}

// tidyLocked forgets p's account when there is nothing in it.
func (l *Ledger) tidyLocked(p identity.PartnerKey) {
	if a := l.accounts[p]; a != nil && !a.granted && a.used == 0 && a.reserved == 0 && a.feeds == 0 {
		delete(l.accounts, p)
	}
}

// SetGrant makes g the grant that counts for g.Partner. Whether g may replace
// the one before is for the caller ([identity.Grant.Replaces]). When g allows
// less than is used already, nothing is taken away, but nothing more is given.
func (l *Ledger) SetGrant(g identity.Grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(g.Partner)
	a.grant, a.granted = g, true
}

// RemoveGrant takes p's grant away: it is revoked, or has expired. What p uses
// still counts.
func (l *Ledger) RemoveGrant(p identity.PartnerKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[p]; a != nil {
		a.grant, a.granted = identity.Grant{}, false
		l.tidyLocked(p)
	}
}

// Grant returns p's grant, and whether there is one.
func (l *Ledger) Grant(p identity.PartnerKey) (identity.Grant, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[p]; a != nil {
		return a.grant, a.granted
	}
	return identity.Grant{}, false
}

// Grants returns all grants, in no order.
func (l *Ledger) Grants() []identity.Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	var grants []identity.Grant
	for _, a := range l.accounts {
		if a.granted {
			grants = append(grants, a.grant)
		}
	}
	return grants
}

// SetCapacity bounds the bytes of all partners together, committed and
// reserved. A capacity below what is taken already is fine: nothing more is
// given then.
func (l *Ledger) SetCapacity(bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.capacity, l.bounded = bytes, true
}

// Load adds to p's account what the store holds for it already: committed
// bytes and pinned feeds. It is for the start, before anything is reserved, and
// asks for no grant. Calls for one partner add up, so that it may be called for
// each pin.
func (l *Ledger) Load(p identity.PartnerKey, bytes uint64, feeds int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(p)
	a.used += bytes
	a.feeds += feeds
	l.taken += bytes
}

// Usage returns how p stands: bytes committed, bytes reserved on top of them,
// bytes allowed, feeds pinned, feeds allowed. Without a grant nothing is allowed.
func (l *Ledger) Usage(p identity.PartnerKey) (used, reserved, quota uint64, feeds, maxFeeds int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[p]
	if a == nil {
		return 0, 0, 0, 0, 0
	}
	return a.used, a.reserved, a.grant.QuotaBytes, a.feeds, a.grant.MaxFeeds
}

// Total returns the bytes of all partners, committed and reserved, and the
// capacity, with bounded false when none has been set.
func (l *Ledger) Total() (taken, capacity uint64, bounded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken, l.capacity, l.bounded
}

// AddFeed counts one more feed for p, or returns an error wrapping [ErrNoGrant]
// or [ErrOverQuota] (a [*FeedsError]). It counts at once, so that two pins
// cannot both be told yes; when the pin then fails, call [Ledger.RemoveFeed].
func (l *Ledger) AddFeed(p identity.PartnerKey) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[p]
	if a == nil || !a.granted {
		return fmt.Errorf("pinning a feed: %w", ErrNoGrant)
	}
	if a.feeds >= a.grant.MaxFeeds {
		return fmt.Errorf("pinning a feed: %w", &FeedsError{p, a.feeds, a.grant.MaxFeeds})
	}
	a.feeds++
	return nil
}

// RemoveFeed counts one feed less for p, and gives back bytes that were
// committed for it: it was unpinned. It panics when p has no such feed or bytes.
func (l *Ledger) RemoveFeed(p identity.PartnerKey, bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[p]
	if a == nil || a.feeds == 0 {
		panic("pin: a feed is removed that was not added")
	}
	a.feeds--
	l.freeLocked(p, bytes)
}

// Free gives back bytes that were committed for p, of blocks that were deleted.
// It panics when p has not committed so many.
func (l *Ledger) Free(p identity.PartnerKey, bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.freeLocked(p, bytes)
}

func (l *Ledger) freeLocked(p identity.PartnerKey, bytes uint64) {
	if a := l.accounts[p]; a != nil {
		if bytes > a.used {
			panic(fmt.Sprintf("pin: %d bytes are given back of %d", bytes, a.used))
		}
		a.used -= bytes
		l.taken -= bytes
		l.tidyLocked(p)
	} else if bytes > 0 {
		panic(fmt.Sprintf("pin: %d bytes are given back of none", bytes))
	}
}

// Reserve sets n bytes aside for p, or returns an error wrapping [ErrNoGrant],
// [ErrOverQuota] (a [*QuotaError]) or [ErrBoxFull] (a [*FullError]). The room is
// taken at once, so that two uploads cannot both be told yes. The caller must
// call [Reservation.Release] in the end, whatever happened.
func (l *Ledger) Reserve(p identity.PartnerKey, n uint64) (*Reservation, error) {
	r := &Reservation{ledger: l, partner: p}
	if err := r.Grow(n); err != nil {
		return nil, err
	}
	return r, nil
}

// takeLocked counts n bytes as reserved for p, if they are there.
func (l *Ledger) takeLocked(p identity.PartnerKey, n uint64) error {
	a := l.accounts[p]
	if a == nil || !a.granted {
		return ErrNoGrant
	}
	if n > less(a.grant.QuotaBytes, a.used+a.reserved) {
		return &QuotaError{p, a.grant.QuotaBytes, a.used, a.reserved, n}
	}
	if l.bounded && n > less(l.capacity, l.taken) {
		return &FullError{l.capacity, l.taken, n}
	}
	a.reserved += n
	l.taken += n
	return nil
}

// less returns a-b, or 0 when b is larger.
func less(a, b uint64) uint64 { return a - min(a, b) }
