package chain

import "errors"

// What the rules say no with. Errors of a statement's form, signature or box
// wrap those of package identity: ErrStatement, ErrContext, ErrBadSignature,
// ErrNotTrusted, ErrWrongBox, and ErrExpired for an invite.
var (
	// ErrStale says that an order was made against an older head of the chain.
	// Fetch the head, look at what has changed, sign again.
	ErrStale = errors.New("made before the latest change on this box: fetch the head and sign again")
	// ErrOldEpoch says that a statement is of another ownership of the box: it
	// was reset, recovered or given away since. It will never count again.
	ErrOldEpoch = errors.New("made for another ownership of this box, which has changed hands since")
	// ErrRole says that the signer's role does not allow an order.
	ErrRole = errors.New("your role does not allow this")
	// ErrLastOwner says that a box would be left without an owner.
	ErrLastOwner = errors.New("a box keeps at least one owner: add another first")
	// ErrUnknown says that what a statement is about is not there.
	ErrUnknown = errors.New("not known to this box")
	// ErrExists says that what a statement would bring about is so already.
	ErrExists = errors.New("already so")
	// ErrSpent says that a code was used or cancelled: no code counts twice.
	ErrSpent = errors.New("this code is used up, or was cancelled")
	// ErrClaimed says that a box has an owner.
	ErrClaimed = errors.New("this box has an owner already")
	// ErrRevoked says that the operator took back what a partner may do.
	ErrRevoked = errors.New("revoked by the operator")
	// ErrTooEarly says that a recovery's waiting time is not over.
	ErrTooEarly = errors.New("the waiting time of the recovery is not over")
	// ErrRetired says that a box was retired; only a reset card makes it work again.
	ErrRetired = errors.New("this box is retired")
	// ErrFull says that a bound of the chain is reached.
	ErrFull = errors.New("there is no more room")
	// ErrClockUntrusted says that the box does not know what time it is, so that
	// it cannot tell whether something has expired. Retry when it has reached a
	// time server.
	ErrClockUntrusted = errors.New("this box does not know the time yet: give it a network and try again in some minutes")
)

// What the file says no with.
var (
	// ErrDamaged says that the chain's file is not as it was written. What can
	// be read is its longest good beginning; see [DamagedError].
	ErrDamaged = errors.New("the chain of orders is damaged")
	// ErrInDoubt says that the disk failed in the middle of an append, in such a
	// way that only opening the log again tells whether the entry counts.
	ErrInDoubt = errors.New("the disk failed while an order was being written: restart to see whether it counts")
)
