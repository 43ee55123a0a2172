package api

import (
	"time"

	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// Figures are what a seeder counts and measures of itself: plain numbers, by which
// the box's authority judges its health and answers who monitors it. They answer GET
// /v1/figures at the socket. All counts are since the seeder's start, unless they
// say otherwise.
type Figures struct {
	Program     Program                         `json:"program"`
	Store       StoreFigures                    `json:"store"`
	Replication ReplicationFigures              `json:"replication"`
	Feeds       FeedFigures                     `json:"feeds"`
	Scrub       ScrubFigures                    `json:"scrub"`
	Pins        map[pin.State]int               `json:"pins"`
	Peers       map[Connection]int              `json:"peers"`
	NAT         NAT                             `json:"nat,omitempty"`
	Reach       Reach                           `json:"reach,omitempty"`
	Partners    map[identity.PartnerKey]Keeping `json:"partners,omitempty"`
}

// Program is what the seeder's program uses of the machine. It is a
// sensors.Program, field by field.
type Program struct {
	Name       string        `json:"name"`
	Started    time.Time     `json:"started,omitzero"`
	CPU        time.Duration `json:"cpu"`
	Resident   uint64        `json:"residentBytes,omitempty"`
	OpenFiles  int           `json:"openFiles,omitempty"`
	Goroutines uint64        `json:"goroutines"`
	HeapBytes  uint64        `json:"heapBytes"`
	GoBytes    uint64        `json:"goBytes"`
	GCCycles   uint64        `json:"gcCycles"`
}

// A StoreTrouble says why a store did not open, in one word.
type StoreTrouble string

// The troubles, by the errors of seeder/store.
const (
	StoreOpen    StoreTrouble = ""
	StoreDamaged StoreTrouble = "damaged"
	StoreNewer   StoreTrouble = "newer" // a newer program wrote it
	StoreForeign StoreTrouble = "foreign"
	StoreOther   StoreTrouble = "other"
	StoreGone    StoreTrouble = "gone"   // its disk is not there
	StoreMoving  StoreTrouble = "moving" // to the data disk
)

// StoreFigures are how the seeder's store is.
type StoreFigures struct {
	Trouble      StoreTrouble `json:"trouble,omitempty"` // why it did not open; all else is zero then
	Feeds        int          `json:"feeds"`
	Blocks       uint64       `json:"blocks"`       // held and synced
	Bytes        uint64       `json:"bytes"`        // of these blocks
	IndexBytes   uint64       `json:"indexBytes"`   // that Badger takes on the disk
	PendingBytes uint64       `json:"pendingBytes"` // put, and not synced yet
	Errors       StoreErrors  `json:"errors"`
	RecentErrors uint64       `json:"recentErrors"` // of all kinds, in the last hour
}

// StoreErrors counts what the store could not do because of its disk.
type StoreErrors struct {
	Read  uint64 `json:"read"`
	Write uint64 `json:"write"` // syncs too
	Index uint64 `json:"index"`
}

// Total is of all kinds.
func (e StoreErrors) Total() uint64 { return e.Read + e.Write + e.Index }

// ReplicationFigures count what went between the box and its peers.
type ReplicationFigures struct {
	Sessions        int    `json:"sessions"`       // open now
	ReceivedBlocks  uint64 `json:"receivedBlocks"` // verified and stored
	ReceivedBytes   uint64 `json:"receivedBytes"`
	SentBlocks      uint64 `json:"sentBlocks"`
	SentBytes       uint64 `json:"sentBytes"`
	Heads           uint64 `json:"heads"`         // new tree heads, verified and stored
	InvalidProofs   uint64 `json:"invalidProofs"` // answers that did not verify
	Stalls          uint64 `json:"stalls"`
	NoData          uint64 `json:"noData"`
	DuplicateBlocks uint64 `json:"duplicateBlocks"`
}

// FeedFigures are how far the pinned feeds are behind their signed tree heads.
type FeedFigures struct {
	Behind        int           `json:"behind"`        // feeds with blocks missing
	BacklogBlocks uint64        `json:"backlogBlocks"` // missing, over all feeds
	BacklogBytes  uint64        `json:"backlogBytes"`
	BehindFor     time.Duration `json:"behindFor"`           // of the feed that has been behind for longest
	NewestHead    time.Time     `json:"newestHead,omitzero"` // when the newest tree head of any feed came
	Forks         uint64        `json:"forks"`               // contradictions of writers that were seen, since the store was made
}

// ScrubFigures are how far the reading back of all blocks is.
type ScrubFigures struct {
	Since        time.Time `json:"since,omitzero"` // since when there is something to read back
	Running      bool      `json:"running"`
	Progress     float64   `json:"progress"`          // of this round, 0 to 1
	Finished     time.Time `json:"finished,omitzero"` // when a whole round last ended
	CheckedBytes uint64    `json:"checkedBytes"`
	MendedBlocks uint64    `json:"mendedBlocks"` // places found damaged, and mended on the spot
	LostBlocks   uint64    `json:"lostBlocks"`   // found damaged, and to be fetched again
	Damaged      uint64    `json:"damaged"`      // of these, not yet whole again
}

// A Connection is a kind of connection to a peer.
type Connection string

// The kinds of connections.
const (
	LocalPeer       Connection = "local" // in the local network
	DirectPeer      Connection = "direct"
	HolePunchedPeer Connection = "hole-punched" // through both sides' routers
	RelayedPeer     Connection = "relay"
	HypercorePeer   Connection = "hypercore" // a stock Hypercore peer
)

// Connections are all kinds of connections.
var Connections = [...]Connection{LocalPeer, DirectPeer, HolePunchedPeer, RelayedPeer, HypercorePeer}

// NAT says whether the box's own addresses can be dialled from outside.
type NAT string

// The states of address translation.
const (
	UnknownNAT NAT = ""
	PublicNAT  NAT = "public"
	PrivateNAT NAT = "private"
)

// Reach says how others reach the box from outside its local network.
type Reach string

// The ways, the best first.
const (
	UnknownReach Reach = ""
	Direct       Reach = "direct"       // by an address that the world can dial
	HolePunched  Reach = "hole-punched" // both sides dial at once
	Relayed      Reach = "relayed"      // by way of a relay, slowly
	Unreachable  Reach = "none"
)

// Keeping is what the seeder keeps for one partner.
type Keeping struct {
	UsedBytes     uint64            `json:"usedBytes"`
	ReservedBytes uint64            `json:"reservedBytes"`
	Feeds         int               `json:"feeds"`
	Pins          map[pin.State]int `json:"pins"`
	BacklogBlocks uint64            `json:"backlogBlocks"`
	NewestHead    time.Time         `json:"newestHead,omitzero"` // when the newest tree head came
	Seen          time.Time         `json:"seen,omitzero"`       // when a device last spoke with the box
}
