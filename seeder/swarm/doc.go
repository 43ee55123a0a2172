// Package swarm is the one door to libp2p: who we are on the network, how a peer
// is found, and authenticated streams to it. No other package imports libp2p, so
// that its version, its options and its habits are a matter of this folder alone.
//
// A [Host] listens, dials, finds peers by their ID (known addresses, mDNS on the
// local network, a private Kademlia DHT), lets in whom its [Gate] allows, and
// hands out streams: to a function per protocol ([Host.Handle]), as a
// [net.Listener] for an HTTP server ([Host.Listener]), or opened towards a peer
// ([Host.Open], [Host.Dialer]). Boxes and partners' computers use the same host;
// a client is one that listens nowhere.
//
// Promises:
//   - The remote end of a stream has proven that it holds the key behind its
//     [PeerID], also when the bytes go through a relay.
//   - What strangers can make the host hold is bounded by [Limits]: connections,
//     streams, sockets, memory for windows.
//   - Nothing goes to anyone who was not configured: no public bootstrap nodes,
//     no public relays, no port mapping, no metrics, no relaying for others.
//   - [Host.Run] returns when everything that the host started has ended.
//
// Left to others: what is said on a stream, who belongs into the [Gate], and the
// check of each request's authority. A peer that was let in may open any protocol
// that has a handler.
//
// Everything exported may be used from several goroutines at once.
package swarm
