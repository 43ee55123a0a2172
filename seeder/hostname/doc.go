// Package hostname makes a box answer to its name on the local network:
// NAME.local, by multicast DNS (RFC 6762), so that "http://cobox-7k3f9q.local/"
// works without anybody setting up a name server.
//
// It answers for one name at a time and knows nothing else: it asks nothing,
// keeps nothing of what others say, and holds no more memory when strangers talk
// to it. libp2p's own mDNS listens at the same port; each hears all that is said
// to the group. It does not look whether somebody else has the name (section
// 8): names of boxes come from their labels, and proving who a box is is not a
// name's business.
package hostname
