package swarm

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
)

// How long a dial waits for a better kind of connection before it tries the next
// kind as well. RFC 8305 waits about one round trip, a quarter of a second; but TCP
// takes four until libp2p can speak, and QUIC two, so that from 125 ms on QUIC would
// win: on the very lines where it is slowest (hack/bench/RESULTS.md, "Long links"). With
// a second TCP wins up to a round trip of half a second. Who has no TCP waits for it once.
const (
	quicDelay  = time.Second
	relayDelay = 1500 * time.Millisecond
)

// rankDials orders the addresses of a peer: TCP, then QUIC, then relays. libp2p
// itself prefers QUIC for its shorter handshake; but a backup is bulk, and QUIC
// in user space moved 255 MB/s at 3.3 CPU seconds per GB where TCP moved 609 at
// 0.9. On a small box the processor is what runs out first.
func rankDials(addrs []multiaddr.Multiaddr) []network.AddrDelay {
	var tcp, quic, relay []multiaddr.Multiaddr
	for _, a := range addrs {
		switch {
		case has(a, multiaddr.P_CIRCUIT):
			relay = append(relay, a)
		case has(a, multiaddr.P_QUIC_V1):
			quic = append(quic, a)
		default:
			tcp = append(tcp, a)
		}
	}
	// Within a kind libp2p's order is right: IPv6 first, then IPv4, then the rest.
	ranked := p2pswarm.DefaultDialRanker(tcp)
	ranked = appendLater(ranked, quic, quicDelay, len(tcp) > 0)
	return appendLater(ranked, relay, relayDelay, len(tcp)+len(quic) > 0)
}

// appendLater adds addrs, each by delay later if wait is set.
func appendLater(ranked []network.AddrDelay, addrs []multiaddr.Multiaddr, delay time.Duration, wait bool) []network.AddrDelay {
	for _, a := range p2pswarm.DefaultDialRanker(addrs) {
		if wait {
			a.Delay += delay
		}
		ranked = append(ranked, a)
	}
	return ranked
}

func has(a multiaddr.Multiaddr, code int) bool {
	_, err := a.ValueForProtocol(code)
	return err == nil
}
