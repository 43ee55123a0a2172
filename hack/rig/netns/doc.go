// Package netns tries out how boxes and people reach each other from behind NAT:
// its tests lay a small internet out of network namespaces, with a bridge in the
// middle and routers that masquerade, and run the real programs in it: a relay that
// all reach, a box, its operator and a partner each behind a router of their own.
//
// It needs Linux, root, and the commands ip and nft (Debian: iproute2, nftables):
//
//	make netns
//
// What it makes has a random name and is removed at the end. Nothing of it touches
// this computer's own network: no interface of it is outside of the namespaces.
package netns
