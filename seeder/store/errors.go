package store

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrNotFound says that there is no such feed, pin or record.
	ErrNotFound = errors.New("store: not found")
	// ErrNoBlock says that a block is not stored.
	ErrNoBlock = errors.New("store: block is not stored")
	// ErrNewerVersion says that a newer program wrote the store.
	ErrNewerVersion = errors.New("store: written by a newer version of the program: update this one")
	// ErrNotStore says that a folder holds something else than a store.
	ErrNotStore = errors.New("store: the folder holds something else: give another one")
	// ErrFrozen says that a feed takes nothing in, since its writer forked it.
	ErrFrozen = errors.New("store: feed is frozen")
	// ErrNoSpace says that the disk is full, or nearly.
	ErrNoSpace = errors.New("store: no space left on the disk: free some, or unpin feeds")
	// ErrReadOnly says that the disk cannot be written.
	ErrReadOnly = errors.New("store: the disk is read-only: check its health and how it is mounted")
	// ErrClosed says that the store was closed, or the feed deleted.
	ErrClosed = errors.New("store: closed")
	// ErrDamaged says that the index does not make sense.
	ErrDamaged = errors.New("store: index is damaged")
	// ErrStale says that a batch was verified against a state that has changed since.
	ErrStale = errors.New("store: the feed has changed since the batch was verified: verify it again")
)

// explain gives the errors of a disk their names.
func explain(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNoSpace), errors.Is(err, ErrReadOnly):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w (%w)", ErrNoSpace, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	}
	return err
}
