// Package api holds the words that a box and its people exchange over HTTP: on
// libp2p streams of the protocol [Protocol], and on the box's own Unix socket.
// API.md beside this file is the specification. It is types only; who may ask
// what is decided by package seeder, and the asking is done by seeder/client.
package api

import (
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// Protocol is the libp2p protocol that carries the API.
const Protocol = "/cobox/api/1"

// ReplicateProtocol is the libp2p protocol that carries replication.
const ReplicateProtocol = "/cobox/replicate/1"

// MaxBody bounds a request's body in bytes: a grant or a certificate is below 8 KiB.
const MaxBody = 16 << 10

// Hello is what a device says first on a connection: who it belongs to.
type Hello struct {
	// Device is a device certificate, signed by the partner key, over the
	// peer ID of the connection (identity.DeviceCert as a statement's text).
	Device string `json:"device"`
	// Revoked is the newest list of the partner's revoked devices that this device
	// knows (identity.Revoked as a statement's text), empty when it knows none.
	Revoked string `json:"revoked,omitempty"`
	// Keeper says that the caller is a box, which has no certificate: a partner's
	// list of keepers that the box follows must name it.
	Keeper bool `json:"keeper,omitempty"`
}

// Welcome answers a [Hello].
type Welcome struct {
	Box     identity.BoxKey     `json:"box"`
	Partner identity.PartnerKey `json:"partner,omitzero"` // not told to a box
	Usage   Usage               `json:"usage"`
	Version string              `json:"version"`
	// Epoch counts the ownerships of the box, from 1: when it is higher than it was,
	// the box has changed hands. It is 0 for a box without an authority.
	Epoch uint64 `json:"epoch,omitempty"`
	// Keepers is the number of the partner's list of keepers that the box follows; 0
	// for none.
	Keepers uint64 `json:"keepers,omitempty"`
	// Revoked is the list of revoked devices that the box follows. It is left out
	// when that is the one which the device showed, and it is on the box's disk. The
	// device must verify it.
	Revoked string `json:"revoked,omitempty"`
}

// Usage is what a partner has and may have on a box, in bytes and feeds.
type Usage struct {
	QuotaBytes    uint64    `json:"quotaBytes"`
	UsedBytes     uint64    `json:"usedBytes"`
	ReservedBytes uint64    `json:"reservedBytes"`
	Feeds         int       `json:"feeds"`
	MaxFeeds      int       `json:"maxFeeds"`
	Until         time.Time `json:"until,omitzero"` // when the grant ends; zero for no end
}

// PinRequest asks a box to keep a feed. The feed key is in the path.
type PinRequest struct {
	// Open lets stock Hypercore peers that prove the feed key read the feed.
	Open bool `json:"open,omitempty"`
	// Drive says that the feed is a Hyperdrive's database: its blobs feed is pinned
	// with it, as soon as the box knows the manifest from which its key follows.
	Drive bool `json:"drive,omitempty"`
	// Label is the partner's own, opaque to the box; at most 256 bytes.
	Label string `json:"label,omitempty"`
}

// Pins answers a request for the list of pins.
type Pins struct {
	Pins []pin.Status `json:"pins"`
}

// Keepers is the body and the answer of requests about a partner's list of
// keepers (identity.Keepers as a statement's text).
type Keepers struct {
	Keepers string `json:"keepers"`
}

// Receipt answers a request for a receipt: a signed statement
// (identity.Receipt) as text.
type Receipt struct {
	Receipt string `json:"receipt"`
}

// Deletion answers a request to end a pin: a signed statement (identity.Deletion)
// as text.
type Deletion struct {
	Deletion string `json:"deletion"`
}

// BoxStatus is how a box stands. Partners get theirs without the parts about others.
type BoxStatus struct {
	ID      string    `json:"id"` // the box ID, a libp2p peer ID
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`
	Addrs   []string  `json:"addrs,omitempty"` // multiaddresses to dial, with the box ID
	Reach   string    `json:"reach,omitempty"` // public, private or unknown
	// Hypercore is where stock Hypercore peers are served; nil when they are not.
	Hypercore *Hypercore `json:"hypercore,omitempty"`

	Store    Store        `json:"store"`
	Traffic  Traffic      `json:"traffic"`
	Peers    []Peer       `json:"peers,omitempty"`
	Pins     []pin.Status `json:"pins"`
	Partners []Partner    `json:"partners,omitempty"`
}

// Hypercore is the door for stock Hypercore peers.
type Hypercore struct {
	Addr string `json:"addr"` // TCP, host:port
	Key  string `json:"key"`  // the box's static key there, in hex
}

// Store is what a box keeps, in blocks and bytes.
type Store struct {
	Feeds     int    `json:"feeds"`
	Blocks    uint64 `json:"blocks"`
	Bytes     uint64 `json:"bytes"`
	FreeBytes uint64 `json:"freeBytes"`
	// Trouble says for people why the box runs without its store; all else is zero
	// then. Empty when the store is open.
	Trouble string `json:"trouble,omitempty"`
	// Notice says for people what is wrong about where the store is, though it is open.
	Notice string `json:"notice,omitempty"`
}

// A Sample answers the operator's POST /v1/sample: what reading some of the store
// back has shown.
type Sample struct {
	Damaged int  `json:"damaged"` // blocks that are not what was stored
	Whole   bool `json:"whole"`   // all of the store was read
}

// Traffic counts since the box's program started.
type Traffic struct {
	BlocksIn      uint64 `json:"blocksIn"`
	BytesIn       uint64 `json:"bytesIn"`
	BlocksOut     uint64 `json:"blocksOut"`
	BytesOut      uint64 `json:"bytesOut"`
	InvalidProofs uint64 `json:"invalidProofs"`
	Stalls        uint64 `json:"stalls"`
	Sessions      int    `json:"sessions"`
}

// Peer is a connected peer.
type Peer struct {
	ID        string    `json:"id"`
	Transport string    `json:"transport"`
	Since     time.Time `json:"since"`
}

// Partner is what a box's operator sees of a partner.
type Partner struct {
	Key   identity.PartnerKey `json:"key"`
	Usage Usage               `json:"usage"`
}

// Grants is the body with which an operator hands grants to a box over its socket.
type Grants struct {
	Grant string `json:"grant"` // identity.Grant as a statement's text
}

// A Code tells kinds of errors apart for programs.
type Code string

// The codes of errors.
const (
	Unauthorised Code = "unauthorised" // no grant, or no Hello yet
	Revoked      Code = "revoked"      // the partner has revoked this device
	NotFound     Code = "not-found"    // no such pin, or not yours
	OverQuota    Code = "over-quota"   // the grant does not allow it
	BoxFull      Code = "box-full"     // the box's disk does not allow it
	BadRequest   Code = "bad-request"
	Frozen       Code = "frozen"     // the feed's writer forked it
	NotSynced    Code = "not-synced" // nothing to give a receipt for yet
	Busy         Code = "busy"       // ask again later
	DiskGone     Code = "disk-gone"  // the box's data disk is not there
	Stale        Code = "stale"      // an order that was made against an older head of the chain
	Internal     Code = "internal"
)

// An Error is the body of every answer that is not a success.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"error"`          // what was being done and why it failed
	Hint string `json:"hint,omitempty"` // what to try
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// PinPath is the path of one feed's pin.
func PinPath(key feed.Key) string { return "/v1/pins/" + key.String() }
