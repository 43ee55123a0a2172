// Package wire is what peers say to each other: protomux, which carries many
// channels over one connection, and the messages of Hypercore's replication
// channel. PROTOCOL.md beside this file is the specification.
//
// It is bytes in, events out: no disk, no network, no clock. What a stranger's
// bytes can make it hold is bounded by the limits in limits.go. Slices of parsed
// messages are parts of the frame that they came in.
package wire
