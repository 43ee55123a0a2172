package store

import (
	"encoding/binary"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// The keys of the index begin with what they name. Feeds are named by their
// discovery key; numbers are big-endian, so that pages lie in order.
const (
	keyVersion  = 'v' // magic and schema
	keyFeed     = 'f' // discovery key: record
	keyNodes    = 'n' // discovery key, layer, level, number: page of tree nodes
	keyBits     = 'b' // discovery key, layer, number: page of the bitfield, without the zeros at its end
	keyPin      = 'p' // feed key, partner key: pin
	keyMeta     = 'm' // name: record of the store's owner
	keyEvidence = 'x' // discovery key: two heads, and their proofs
	keyDeleted  = 'd' // discovery key: a deletion to be finished
)

func feedKey(kind byte, dk feed.DiscoveryKey) []byte { return append([]byte{kind}, dk[:]...) }

// layerKey is the prefix of all pages of a kind in a layer.
func layerKey(kind byte, dk feed.DiscoveryKey, layer uint64) []byte {
	return binary.BigEndian.AppendUint64(feedKey(kind, dk), layer)
}

func nodesKey(dk feed.DiscoveryKey, layer uint64, id pageID) []byte {
	return binary.BigEndian.AppendUint64(append(layerKey(keyNodes, dk, layer), id.level), id.number)
}

func bitsKey(dk feed.DiscoveryKey, layer, number uint64) []byte {
	return binary.BigEndian.AppendUint64(layerKey(keyBits, dk, layer), number)
}

func pinKey(key feed.Key, partner identity.PartnerKey) []byte {
	return append(append([]byte{keyPin}, key[:]...), partner[:]...)
}

// parseBitsKey returns the number that ends the key of a page of bits.
func parseBitsKey(rest []byte) (number uint64, ok bool) {
	if len(rest) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(rest), true
}

// parseNodesKey returns the page that ends the key of a page of nodes.
func parseNodesKey(rest []byte) (id pageID, ok bool) {
	if len(rest) != 9 || rest[0] > maxLevel {
		return pageID{}, false
	}
	return pageID{rest[0], binary.BigEndian.Uint64(rest[1:])}, true
}
