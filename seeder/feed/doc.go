// Package feed holds the rules of feeds: append-only logs that are Hypercores,
// byte for byte. FORMAT.md beside this file is the specification.
//
// It takes bytes and gives bytes or an error: it has no disk, no network, no
// clock and no log, and it never decrypts. Making ([Prove], [Tree], [Sign])
// and checking ([State.Verify]) are separate: makers trust what they are given,
// checkers trust nothing but the feed key.
package feed
