// Package slots is the part of a card that updates change: two places for root file
// systems, and the kernel's parameters on the boot volume, which say which of them is
// started.
//
// The parameter after root= names the slot that is started, always. A word after it,
// [Start.Try], has the system in that slot start the other one in its place, once: it
// takes the word away before it does ([Switch]), so that whatever becomes of the other
// one, the next start is its own again. No firmware has to know of this, and every
// change is that of one sector, in place.
package slots
