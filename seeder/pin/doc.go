// Package pin holds the rules of what a box has promised: pins, the ledger of
// bytes and feeds that grants allow, and the states a pin goes through.
//
// A feed may be pinned by several partners. Each of these pins is its own, has
// its own state, and is charged to its partner in full: what a partner is told
// about its usage never depends on what others do.
//
// The package is rules only: no disk, no network, and the clock is passed in.
// Package store keeps the pins; package seeder tells the [Ledger] and the
// [Tracker] of each pin what happens.
package pin
