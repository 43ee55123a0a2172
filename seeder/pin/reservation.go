package pin

import (
	"fmt"

	"cobox/seeder/identity"
)

// A Reservation is room set aside for a partner by [Ledger.Reserve]. It is safe
// for concurrent use: one upload may commit from several goroutines.
type Reservation struct {
	ledger   *Ledger
	partner  identity.PartnerKey
	left     uint64 // reserved and neither committed nor released; ledger.mu
	released bool   // ledger.mu
}

// Grow sets n more bytes aside, or returns an error as [Ledger.Reserve] does and
// leaves the reservation as it was. A live feed grows its reservation with each
// tree head. It panics after [Reservation.Release].
func (r *Reservation) Grow(n uint64) error {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	if r.released {
		panic("pin: a released reservation grows")
	}
	if err := r.ledger.takeLocked(r.partner, n); err != nil {
		return err // which says all: what was asked for, and why not
	}
	r.left += n
	return nil
}

// Commit turns n of the reserved bytes into used ones: they are on the disk. It
// may be called for each block. The error says that so many were not reserved,
// or not any more; then nothing changes, and the bytes are not to be kept.
func (r *Reservation) Commit(n uint64) error {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	if n > r.left {
		return fmt.Errorf("committing %s: only %s are reserved", size(n), size(r.left))
	}
	if n == 0 {
		return nil // the account may be gone
	}
	a := r.ledger.accounts[r.partner]
	r.left -= n
	a.reserved -= n
	a.used += n
	return nil
}

// Left returns the bytes that are reserved and not yet committed.
func (r *Reservation) Left() uint64 {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	return r.left
}

// Release gives back what was not committed. A second call does nothing.
func (r *Reservation) Release() {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.released = true
	if r.left == 0 {
		return
	}
	r.ledger.accounts[r.partner].reserved -= r.left
	r.ledger.taken -= r.left
	r.left = 0
	r.ledger.tidyLocked(r.partner)
}
