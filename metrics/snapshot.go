package metrics

import (
	"time"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/seeder/pin"
)

// A Snapshot is all that a box tells at one time. What is nil or zero where zero makes
// no sense is left out of the metrics, and is not shown as zero.
type Snapshot struct {
	At        time.Time
	Version   string            // of the box's programs
	Slot      string            // where the running image is, such as "a" or "b"; "" when there are no slots
	Machine   sensors.Reading   // what [sensors.Machine.Read] returned
	Power     *PowerModel       // nil for the one of the board, see [PowerModelOf]
	Programs  []sensors.Program // what [sensors.Self] returned in each program, the seeder's left out; at most [MaxPrograms]
	Clock     health.Clock
	Update    health.Update
	Operator  health.Operator
	Operators int       // keys that may command the box
	Asked     bool      // the seeder was asked for its figures
	Seeder    *Seeder   // its answer; nil when it gave none
	Partners  []Partner // those that are partners now, in any order
	Health    health.Report
}

// MaxPrograms bounds [Snapshot.Programs].
const MaxPrograms = 3

// Seeder is what a seeder tells of itself. All counts are since its start. Its JSON
// form is how seederd hands it to provisiond.
type Seeder struct {
	Program     sensors.Program    `json:"program"`
	Store       Store              `json:"store"`
	Replication Replication        `json:"replication"`
	Feeds       Feeds              `json:"feeds"`
	Scrub       Scrub              `json:"scrub"`
	Pins        map[pin.State]int  `json:"pins"`
	Peers       map[Connection]int `json:"peers"`
	NAT         NAT                `json:"nat,omitempty"`
	Reach       health.Reach       `json:"reach,omitempty"`
	Partners    map[string]Keeping `json:"partners,omitempty"` // by the partner key's text
}

// Store is how the seeder's store is.
type Store struct {
	Trouble      health.StoreTrouble `json:"trouble,omitempty"` // why it did not open; all else is zero then
	Feeds        int                 `json:"feeds"`
	Blocks       uint64              `json:"blocks"`       // held and synced
	Bytes        uint64              `json:"bytes"`        // of these blocks
	IndexBytes   uint64              `json:"indexBytes"`   // that Badger takes on the disk
	PendingBytes uint64              `json:"pendingBytes"` // put, and not synced yet
	Errors       StoreErrors         `json:"errors"`
	RecentErrors uint64              `json:"recentErrors"` // of all kinds, in the last hour
}

// StoreErrors counts what the store could not do because of its disk.
type StoreErrors struct {
	Read  uint64 `json:"read"`
	Write uint64 `json:"write"` // syncs too
	Index uint64 `json:"index"`
}

// Replication counts what went between the box and its peers.
type Replication struct {
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

// Feeds is how far the pinned feeds are behind their signed tree heads.
type Feeds struct {
	Behind        int           `json:"behind"`        // feeds with blocks missing
	BacklogBlocks uint64        `json:"backlogBlocks"` // missing, over all feeds
	BacklogBytes  uint64        `json:"backlogBytes"`
	BehindFor     time.Duration `json:"behindFor"`           // of the feed that has been behind for longest
	NewestHead    time.Time     `json:"newestHead,omitzero"` // when the newest tree head of any feed came
	Forks         uint64        `json:"forks"`               // contradictions of writers that were seen, since the store was made
}

// Scrub is how far the reading back of all blocks is.
type Scrub struct {
	Since        time.Time `json:"since,omitzero"` // since when there is something to read back
	Running      bool      `json:"running"`
	Progress     float64   `json:"progress"`          // of this round, 0 to 1
	Finished     time.Time `json:"finished,omitzero"` // when a whole round last ended
	CheckedBytes uint64    `json:"checkedBytes"`
	MendedBlocks uint64    `json:"mendedBlocks"` // found damaged, and mended on the spot
	LostBlocks   uint64    `json:"lostBlocks"`   // found damaged, and to be fetched again
	Damaged      uint64    `json:"damaged"`      // of these, not yet whole again
}

// A Connection is a kind of connection to a peer.
type Connection string

// The kinds of connections.
const (
	Local       Connection = "local" // in the local network
	DirectPeer  Connection = "direct"
	HolePunched Connection = "hole-punched" // through both sides' routers
	Relay       Connection = "relay"
	Hypercore   Connection = "hypercore" // a stock Hypercore peer
)

// Connections are all kinds of connections.
var Connections = [...]Connection{Local, DirectPeer, HolePunched, Relay, Hypercore}

// NAT says whether the box's own addresses can be dialled from outside.
type NAT string

// The states of address translation.
const (
	UnknownNAT NAT = ""
	PublicNAT  NAT = "public"
	PrivateNAT NAT = "private"
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

// A Partner is an organisation whose feeds the box keeps.
type Partner struct {
	Number     uint64 // the operator's short number for it
	QuotaBytes uint64
	MaxFeeds   int
	Until      time.Time // when the grant ends; zero for no end
	// Tolerance is how long the partner may be silent before somebody asks; 0 for ever.
	Tolerance time.Duration
	Keeping
}

// Facts returns what the snapshot says about the box's health. Its own Health is not
// looked at: it is made from this, by [health.Examine].
func (s *Snapshot) Facts() health.Facts {
	f := health.Facts{At: s.At, Machine: s.Machine, Clock: s.Clock, Update: s.Update, Operator: s.Operator}
	if !s.Asked {
		return f
	}
	f.Seeder = &health.Seeder{}
	if s.Seeder == nil {
		return f
	}
	f.Reach = s.Seeder.Reach
	f.Seeder = &health.Seeder{
		Answers: true, Store: s.Seeder.Store.Trouble, Errors: s.Seeder.Store.RecentErrors,
		Scrub: health.Scrub{Since: s.Seeder.Scrub.Since, Finished: s.Seeder.Scrub.Finished, Damaged: s.Seeder.Scrub.Damaged},
		Pins:  health.Pins{ByState: s.Seeder.Pins, Behind: s.Seeder.Feeds.BehindFor},
	}
	return f
}
