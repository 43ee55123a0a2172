// Package seal closes names so that only a box's operators can read them: the
// operators' own words for partners and for each other. A box keeps sealed names
// with its chain, and whoever steals its card does not learn from it who its
// partners are.
//
// The format is in SEAL.md. It is pure: no disk, no network, no clock.
package seal
