// Package chain is the memory of a box's only authority: who owns the box, and
// who may do what.
//
// It is a chain of signed statements ([identity.Statement]). An [Order] is
// signed by an operator, a [Fact] by the box itself: it was claimed, an invite
// was redeemed, it was reset. Each statement names the box, the ownership epoch,
// its own number and the hash of the one before, so that none can be left out,
// moved, repeated or taken to another box, and an order that was made against
// an older head is refused ([ErrStale]).
//
// There are two parts. The rules are pure: [State.Apply] takes a statement and
// gives the next state or an error; they know no disk and no clock, and what
// they need to know of the time comes in as [Conditions]. The file, a [Log],
// keeps the statements: an entry counts when it is wholly on the disk and not
// before, and what was on the disk stays.
//
// CHAIN.md beside this file is the specification, with vectors in testdata.
//
// provisiond is the only one who appends. Operators' tools sign orders
// ([SignOrder]) and read exported chains ([Replay], [Describe]). A [State] is
// not safe for concurrent use; a [Log] is.
package chain
