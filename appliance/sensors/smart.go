package sensors

import "time"

// A Smart is what a disk says of its own health (SMART). What it does not say is nil:
// disks fill in very different parts of it. The caller owns it, and what it points to
// is never changed.
type Smart struct {
	At time.Time `json:"at"` // when the disk was asked
	// Failing says whether the disk expects to fail, by its own judgement.
	Failing *bool `json:"failing,omitempty"`
	// Why says in a few words why it is failing.
	Why       string         `json:"why,omitempty"`
	Celsius   *float64       `json:"celsius,omitempty"`
	PoweredOn *time.Duration `json:"poweredOn,omitempty"` // over its whole life
	// Wear is the used part of the life that the maker promised; above 1 it is over.
	Wear *float64 `json:"wear,omitempty"`
	// Spare is the part of the spare blocks that is left.
	Spare *float64 `json:"spare,omitempty"`
	// MediaErrors counts what the disk could not give back as it was written.
	MediaErrors *uint64 `json:"mediaErrors,omitempty"`
	// Reallocated are the bad sectors that were replaced by spare ones; Pending, those
	// that are suspect and not replaced yet; Uncorrectable, those that the disk found
	// unreadable when it looked through itself.
	Reallocated   *uint64 `json:"reallocated,omitempty"`
	Pending       *uint64 `json:"pending,omitempty"`
	Uncorrectable *uint64 `json:"uncorrectable,omitempty"`
}

// Lost counts the places of a disk that cannot be read, as far as it tells; ok is false
// when it tells nothing.
func (s *Smart) Lost() (n uint64, ok bool) {
	for _, count := range []*uint64{s.MediaErrors, s.Pending, s.Uncorrectable} {
		if count != nil {
			n, ok = max(n, *count), true // the same place is counted by several
		}
	}
	return n, ok
}
