// Package secretstream is Hyperswarm's secret stream, which stock Hypercore peers
// speak over TCP: a Noise handshake with Ed25519 keys, then frames sealed with
// libsodium's secretstream construction. SECRETSTREAM.md is the specification.
//
// Both sides learn each other's static public key and agree on a handshake hash,
// to which the layer above binds what it proves. A stream gives no hint of who
// may do what: that is for the caller, by [Conn.RemoteKey].
package secretstream
