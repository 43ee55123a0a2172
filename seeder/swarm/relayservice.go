package swarm

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"
)

// A RelayService says what a host does for others as a relay (libp2p's circuit
// relay, version 2): it passes on the bytes between a peer that has a reservation
// and whoever wants to reach it. The bytes are encrypted between those two; the
// relay sees who speaks with whom, and how much. A zero field takes its default.
//
// The defaults are for the relay of a group of organisations, whose traffic is
// backups. libp2p's own (128 KiB and two minutes a circuit) are for helping
// strangers to find each other, and would stall a backup at its first block.
type RelayService struct {
	// Allow says who may be reached through the relay; nil: anybody. Whoever wants to
	// reach them may do so: they have a gate of their own. It is called from several
	// goroutines and must not block.
	Allow func(PeerID) bool

	// Reservations is how many peers can be reached through the relay at a time.
	// Default 128: some dozens of organisations with a few boxes each. Each holds a
	// connection, about 60 KB.
	Reservations int
	// ReservationsPerAddress is how many of them may come from one address. Default
	// 16: an office behind one NAT. It keeps one stranger from taking all places.
	ReservationsPerAddress int
	// CircuitsPerPeer is how many circuits one peer may have open, at either end.
	// Default 32: a box with its partners' devices and the other boxes.
	CircuitsPerPeer int
	// BytesPerCircuit is how much a circuit may carry in each direction, and
	// CircuitTime how long it may stay open. Default 16 GiB and 12 hours: no backup
	// notices, as bulk streams go on over the next circuit, and what somebody left
	// open ends some day.
	BytesPerCircuit int64
	CircuitTime     time.Duration
}

// relayBuffer is what a circuit reads at a time, in each direction. libp2p's 2 KiB
// cost a system call for each, and a third of the rate.
const relayBuffer = 32 << 10

// reservationTime is how long a reservation holds; peers renew it while they are
// connected. A peer that vanished takes up a place for as long.
const reservationTime = 30 * time.Minute

func (r RelayService) withDefaults() RelayService {
	setDefault(&r.Reservations, 128)
	setDefault(&r.ReservationsPerAddress, 16)
	setDefault(&r.CircuitsPerPeer, 32)
	setDefault(&r.BytesPerCircuit, 16<<30)
	setDefault((*int64)(&r.CircuitTime), int64(12*time.Hour))
	return r
}

// forRelay sets what is not set in l to what a relay needs, which is another
// machine than a box: some hundred connections, and two streams for each circuit.
func (l Limits) forRelay(r RelayService) Limits {
	setDefault(&l.Conns, 4*r.Reservations) // boxes, those who want to reach them, and room for newcomers
	setDefault(&l.ConnsPerAddress, 4*r.ReservationsPerAddress)
	setDefault(&l.ConnsPerSecond, 10)
	setDefault(&l.Streams, 16*r.Reservations)
	setDefault(&l.StreamsPerPeer, r.CircuitsPerPeer+32)
	setDefault(&l.Protocol.Streams, l.Streams)
	setDefault(&l.Protocol.StreamsPerPeer, r.CircuitsPerPeer+8)
	setDefault(&l.MemoryBytes, 256<<20)
	setDefault(&l.PeerMemoryBytes, 64<<20)
	return l
}

// startRelay makes h a relay. It is one at once, and not only when AutoNAT has
// found that it can be reached: whoever set it up has seen to that.
func startRelay(h host.Host, service RelayService) (*relay.Relay, error) {
	r, err := relay.New(h,
		relay.WithResources(relay.Resources{
			Limit:                 &relay.RelayLimit{Duration: service.CircuitTime, Data: service.BytesPerCircuit},
			ReservationTTL:        reservationTime,
			MaxReservations:       service.Reservations,
			MaxCircuits:           service.CircuitsPerPeer,
			BufferSize:            relayBuffer,
			MaxReservationsPerIP:  service.ReservationsPerAddress,
			MaxReservationsPerASN: service.Reservations, // a country's villages may share one provider
		}),
		relay.WithACL(relayACL{service.Allow}),
		// A relay of a private network is of use there.
		relay.WithReservationAddressFilter(func(multiaddr.Multiaddr) bool { return true }))
	if err != nil {
		return nil, fmt.Errorf("starting the relay: %w", err)
	}
	return r, nil
}

// relayACL asks RelayService.Allow for libp2p.
type relayACL struct{ allow func(PeerID) bool }

// AllowReserve is asked before p gets a reservation.
func (a relayACL) AllowReserve(p peer.ID, _ multiaddr.Multiaddr) bool {
	return a.allow == nil || a.allow(PeerID(p))
}

// AllowConnect allows everybody: dest has a reservation, so it was allowed.
func (a relayACL) AllowConnect(peer.ID, multiaddr.Multiaddr, peer.ID) bool { return true }
