package swarm

import (
	"time"

	"github.com/multiformats/go-multiaddr"
)

// rememberTime is how long addresses count that the caller remembers.
const rememberTime = time.Hour

// Remember tells the host where peers were, as full multiaddrs, so that
// [Host.Connect] tries them by the peer's ID. What is no such address is left out.
func (h *Host) Remember(addrs ...string) {
	for _, a := range addrs {
		if _, info, err := parseAddr(a); err == nil && info.ID != h.p2p.ID() {
			h.p2p.Peerstore().AddAddrs(info.ID, append([]multiaddr.Multiaddr{}, info.Addrs...), rememberTime)
		}
	}
}
