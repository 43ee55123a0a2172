// Package netns tries out how boxes and people reach each other from behind NAT:
// its tests lay a small internet out of network namespaces, with a bridge in the
// middle and routers that masquerade, and run the real programs in it: a relay that
// all reach, a box, its operator and a partner each behind a router of their own.
//
// It needs Linux, root, and the commands ip and nft (Debian: iproute2, nftables):
//
//	make netns
//
// Measured with 8 MB of random data on two busy cores, search for the box included;
// the time with the relay is above all the five seconds given to hole punching:
//
//	box          partner      relay            backup     restore    by the relay
//	no NAT       steady NAT   ours             3.9 MB/s   5.5 MB/s    0.0 MB
//	steady NAT   steady NAT   ours             5.1 MB/s   5.0 MB/s    0.0 MB
//	fickle NAT   fickle NAT   ours             1.1 MB/s   1.1 MB/s   16.4 MB
//	steady NAT   fickle NAT   ours             1.1 MB/s   1.0 MB/s   16.3 MB
//	steady NAT   steady NAT   128 KiB          no data by the relay, as with ours
//	fickle NAT   fickle NAT   128 KiB          an error that says what to do
//
// A steady NAT gives a host one port towards everybody, a fickle one another for each
// destination. Sessions by small circuits, each going on where the last one ended, are
// no way: a block of a backup is up to 1 MiB, and none gets through 128 KiB.
//
// What it makes has a random name and is removed at the end. Nothing of it touches
// this computer's own network: no interface of it is outside of the namespaces.
package netns
