package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
)

// ErrNoSlots says that this computer is no appliance: there is no second system
// to update.
var ErrNoSlots = errors.New("this box is not an appliance, but programs on somebody's computer: they are updated there")

// Card are the slots of the card that the machine was started from.
type Card interface {
	Slots
	// Trial reports whether the slot that runs was started once, on trial.
	Trial() bool
	// Name returns which slot runs, "a" or "b".
	Name() string
	// Disk returns the kernel's name of the card, such as mmcblk0.
	Disk() string
}

// Slots are the two places for root file systems on a box's card. The
// errors of all methods say what was being done.
type Slots interface {
	// Write fills the slot that does not run.
	Write(ctx context.Context, root io.Reader) error
	// Sum reads the first size bytes of that slot back from the card.
	Sum(ctx context.Context, size int64) ([sha256.Size]byte, error)
	// Arm makes the next start that of the other slot, once.
	Arm(ctx context.Context) error
	// Commit makes the slot that runs, on trial, the one that is started from now on.
	Commit(ctx context.Context) error
	// Restart ends all programs and starts the machine again. It returns when that
	// has begun.
	Restart(ctx context.Context) error
}
