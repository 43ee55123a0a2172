package space

import (
	"context"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// What tests in package space_test need from inside: making blocks that no
// honest writer makes, and the decoders for fuzzing.

const (
	MinBlock = minBlock
	MaxBlock = maxBlock
	MaxChunk = maxChunk
	MaxPack  = maxPack
	KindData = kindData
	KindTree = kindTree

	ObjectDir = objectDir
)

var (
	EncodeDir  = encodeDir
	EncodeList = encodeList
	PaddedSize = paddedSize
	ParseGlobs = parseGlobs
	Unframe    = unframe
)

// SetBatch changes how many pieces and files a restore writes at once.
func SetBatch(pieces, jobs int) (restore func()) {
	oldPieces, oldJobs := maxPieces, maxJobs
	maxPieces, maxJobs = pieces, jobs
	return func() { maxPieces, maxJobs = oldPieces, oldJobs }
}

// Match is globs.match.
func (g globs) Match(name string) (selected, below bool) { return g.match(name) }

// SealBlock makes a stored block.
func SealBlock(keys *Keys, key feed.Key, index uint64, k kind, payload []byte) []byte {
	b := finishBlock(k, append(beginBlock(nil), payload...))
	keys.Cipher(key).sealInPlace(index, 0, b)
	return b
}

// SealPack makes a stored pack of chunks, and returns the references to them.
func SealPack(keys *Keys, key feed.Key, index uint64, k kind, chunks ...[]byte) ([]byte, []Ref) {
	var slots []slot
	var refs []Ref
	var all []byte
	for i, c := range chunks {
		slots = append(slots, slot{keys.ChunkID(c), uint32(len(c))})
		refs = append(refs, Ref{Location{key, index, uint32(i)}, slots[i].id, uint32(len(c))})
		all = append(all, c...)
	}
	return SealBlock(keys, key, index, k, appendPack(nil, 0, slots, all)), refs
}

// SealSnapshot makes a stored snapshot.
func SealSnapshot(keys *Keys, key feed.Key, index uint64, s *Snapshot) []byte {
	return SealBlock(keys, key, index, kindSnapshot, s.payload())
}

// SealHeader makes a stored header.
func SealHeader(keys *Keys, key feed.Key, h *Header) []byte {
	return SealBlock(keys, key, 0, kindHeader, h.payload())
}

// EncodePack makes the payload of a pack with a directory of our choice.
func EncodePack(encoding byte, ids []ChunkID, lengths []uint64, body []byte) []byte {
	b := append(compact.AppendUint(nil, 0), encoding)
	b = compact.AppendUint(b, uint64(len(ids)))
	for i := range ids {
		b = append(b, ids[i][:]...)
		b = compact.AppendUint(b, lengths[i])
	}
	return append(b, body...)
}

// RoundTripPayload decodes the payload of a block of any kind. When that
// succeeds it returns the payload's encoding made anew, which decodes to the same.
func RoundTripPayload(k byte, payload []byte) ([]byte, error) {
	switch kind(k) {
	case kindHeader:
		h, err := decodeHeader(payload)
		if err != nil {
			return nil, err
		}
		return h.payload(), nil
	case kindSnapshot:
		s, err := decodeSnapshot(payload)
		if err != nil {
			return nil, err
		}
		return s.payload(), nil
	default:
		p, err := decodePack(payload)
		if err != nil {
			return nil, err
		}
		dir, err := decodePackDirectory(payload)
		if err != nil {
			return nil, err
		}
		return appendPack(nil, dir.previous, p.slots, p.chunks), nil
	}
}

// RoundTripObject is the same for a tree object.
func RoundTripObject(b []byte) ([]byte, error) {
	o, err := decodeObject(b, anySpan)
	if err != nil {
		return nil, err
	}
	if o.list {
		return encodeList(o.items), nil
	}
	return encodeDir(o.nodes), nil
}

// BuildDir stores a folder of nodes, and returns the folder's node.
func BuildDir(ctx context.Context, keys *Keys, store func(context.Context, []byte) (Ref, error), nodes func(yield func(Node) bool)) (Node, error) {
	b := dirBuilder{node: Node{Type: TypeDir}, keys: keys, store: store}
	b.parts.store = store
	for n := range nodes {
		if err := b.add(ctx, n); err != nil {
			return Node{}, err
		}
	}
	return b.finish(ctx)
}

// BuildContent stores the lists of a file with these items.
func BuildContent(ctx context.Context, store func(context.Context, []byte) (Ref, error), items func(yield func(Item) bool)) ([]Item, error) {
	l := listBuilder{store: store}
	for it := range items {
		if err := l.add(ctx, it); err != nil {
			return nil, err
		}
	}
	return l.finish(ctx, maxInlineItems)
}

// Content is Reader.content without its hooks.
func (r *Reader) Content(ctx context.Context, n *Node, visit func(offset uint64, it Item) error) error {
	return r.content(ctx, n, nil, visit)
}

// PackIDs returns the IDs of the chunks in a pack.
func PackIDs(payload []byte) ([]ChunkID, error) {
	p, err := decodePackDirectory(payload)
	if err != nil {
		return nil, err
	}
	var ids []ChunkID
	for i := range p.slots {
		ids = append(ids, p.slots[i].id)
	}
	return ids, nil
}

// PackOf makes the payload of a pack with one chunk, in buf's room if it has that.
func PackOf(buf, chunk []byte) []byte {
	return appendPack(buf[:0], 0, []slot{{length: uint32(len(chunk))}}, chunk)
}
