// Package replicate speaks the Hypercore protocol with one peer at a time
// (seeder/wire/PROTOCOL.md) about many feeds at once: it answers what a peer
// asks for from what we hold, and fetches what we want from whichever peers
// have it.
//
// An [Exchange] knows the feeds; [Exchange.Serve] runs one session over one
// [Conn]. What the sessions of a feed have in common (which blocks are under
// way, and from whom) is kept in one place, so that no block is fetched twice
// unless a peer sits on it.
//
// Its promises: nothing is stored before it is verified against the feed key;
// nothing is announced or served before the [Feed] says that it is durable; every request
// is answered; a peer that sends a proof which does not verify is cut off; and
// what a peer can make a session hold is bounded by the limits in limits.go.
// Disk and network are the caller's: it hands in a [Feed] and a [Conn].
package replicate
