package space

import (
	"encoding/hex"
	"hash"
	"sync"

	"cobox/seeder/feed"
	"cobox/seeder/lanes"

	"golang.org/x/crypto/blake2b"
)

// A ChunkID names content: the keyed BLAKE2b-256 hash of a chunk or a tree
// object. It is keyed per space, so that not even its own blocks, once opened,
// tell whether they hold a file that somebody else has.
type ChunkID [32]byte

// String returns the ID in hex.
func (id ChunkID) String() string { return hex.EncodeToString(id[:]) }

// Keys are the keys of one space. They may be used by several goroutines.
type Keys struct {
	Space ID

	secret  Secret
	chunkID [32]byte
	chunker [32]byte
	hashes  sync.Pool // hash.Hash, keyed with chunkID

	mu      sync.Mutex
	ciphers map[feed.Key]*Cipher // mu
}

// Keys returns the keys of a space. The ID of an existing one stands in the
// [Header] of each of its feeds.
func (s Secret) Keys(id ID) *Keys {
	k := &Keys{
		Space:   id,
		secret:  s,
		chunkID: s.derive(contextChunkID + string(id[:])),
		chunker: s.derive(contextChunker + string(id[:])),
		ciphers: make(map[feed.Key]*Cipher),
	}
	k.hashes.New = func() any { return k.newHash() }
	return k
}

// Cipher returns the block cipher of a feed of the space.
func (k *Keys) Cipher(key feed.Key) *Cipher {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.ciphers[key]
	if !ok {
		c = k.secret.Cipher(key)
		if len(k.ciphers) >= maxFeeds { // a table of a snapshot is not longer either
			clear(k.ciphers)
		}
		k.ciphers[key] = c
	}
	return c
}

// ChunkID returns the ID of content.
func (k *Keys) ChunkID(content []byte) ChunkID {
	h := k.hashes.Get().(hash.Hash)
	defer k.hashes.Put(h)
	h.Reset()
	h.Write(content)
	var id ChunkID
	h.Sum(id[:0])
	return id
}

// ChunkIDs returns the IDs of several contents, sooner than one by one.
func (k *Keys) ChunkIDs(contents [][]byte) []ChunkID {
	ids := make([]ChunkID, len(contents))
	sums := make([][lanes.Size]byte, len(contents))
	lanes.KeyedSum256(sums, k.chunkID[:], contents)
	for i := range ids {
		ids[i] = sums[i]
	}
	return ids
}

func (k *Keys) newHash() hash.Hash {
	h, err := blake2b.New256(k.chunkID[:])
	if err != nil {
		panic("space: " + err.Error()) // only for a key that is too long
	}
	return h
}
