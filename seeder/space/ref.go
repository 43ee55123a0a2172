package space

import (
	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

const (
	// maxFeeds bounds the feeds that one object or snapshot may refer to. One
	// device writes one feed, so this is the number of devices a space can ever have.
	maxFeeds = 1024
	// maxListItems bounds the content items of one list object.
	maxListItems = 4096
	// maxInlineItems bounds the content items in a file's node itself.
	maxInlineItems = 64
	// maxListDepth bounds how deep lists of lists go: 4096^3 chunks are more than
	// a file can have.
	maxListDepth = 4
	// maxSize bounds sizes of files and totals: what compact-encoding can say.
	maxSize = compact.MaxUint
)

// A Location is where a chunk is stored: a slot of the pack in a block of a
// feed. Feeds are append-only, so a location stays valid.
type Location struct {
	Feed  feed.Key
	Block uint64
	Slot  uint32
}

// A Ref names content and says where it is stored.
type Ref struct {
	Location
	ID     ChunkID
	Length uint32 // bytes of the content itself
}

// An Item is a piece of a file's content, in file order: a chunk, a run of zeros
// or a list object that holds further items.
type Item struct {
	Kind ItemKind
	Ref  Ref    // of a chunk or list
	Span uint64 // bytes of the file, or entries of the folder, that the item stands for
}

// ItemKind is what an [Item] is.
type ItemKind byte

// The kinds of items.
const (
	ItemChunk ItemKind = iota
	ItemZeros
	ItemList
)

// feedName is a feed's short name for messages and logs, the beginning of its
// discovery key: it gives nobody access to the feed.
func feedName(key feed.Key) string {
	return key.DiscoveryKey().String()[:8]
}

// A feedTable gives the feeds that an object refers to short numbers, in the
// order of their first use. The same references so always give the same bytes.
type feedTable struct {
	keys []feed.Key
}

func (t *feedTable) ordinal(key feed.Key) uint64 {
	for i := range t.keys { // one or two entries nearly always
		if t.keys[i] == key {
			return uint64(i)
		}
	}
	t.keys = append(t.keys, key)
	return uint64(len(t.keys) - 1)
}

func (t *feedTable) append(b []byte) []byte {
	b = compact.AppendUint(b, uint64(len(t.keys)))
	for i := range t.keys {
		b = append(b, t.keys[i][:]...)
	}
	return b
}

func decodeFeedTable(d *compact.Decoder) *feedTable {
	n := d.Uint()
	if n > maxFeeds || n*32 > uint64(d.Len()) {
		d.Fail(damaged("table of %d feeds", n))
		return &feedTable{}
	}
	t := &feedTable{keys: make([]feed.Key, n)}
	for i := range t.keys {
		copy(t.keys[i][:], d.Bytes(32))
	}
	return t
}

func (t *feedTable) appendRef(b []byte, r Ref) []byte {
	b = compact.AppendUint(b, t.ordinal(r.Feed))
	b = compact.AppendUint(b, r.Block)
	b = compact.AppendUint(b, uint64(r.Slot))
	b = append(b, r.ID[:]...)
	return compact.AppendUint(b, uint64(r.Length))
}

func (t *feedTable) decodeRef(d *compact.Decoder) (r Ref) {
	ordinal := d.Uint()
	if ordinal >= uint64(len(t.keys)) {
		d.Fail(damaged("reference to feed %d of %d", ordinal, len(t.keys)))
		return Ref{}
	}
	r.Feed = t.keys[ordinal]
	r.Block = d.Uint()
	slot := d.Uint()
	copy(r.ID[:], d.Bytes(32))
	length := d.Uint()
	if slot >= maxSlots || length == 0 || length > maxChunk || r.Block == 0 {
		d.Fail(damaged("reference to %d bytes in slot %d of block %d", length, slot, r.Block))
	}
	r.Slot, r.Length = uint32(slot), uint32(length)
	return r
}

func (t *feedTable) appendItem(b []byte, it Item) []byte {
	b = append(b, byte(it.Kind))
	switch it.Kind {
	case ItemChunk:
		return t.appendRef(b, it.Ref)
	case ItemZeros:
		return compact.AppendUint(b, it.Span)
	}
	return compact.AppendUint(t.appendRef(b, it.Ref), it.Span)
}

func (t *feedTable) decodeItem(d *compact.Decoder) (it Item) {
	if b := d.Bytes(1); b != nil {
		it.Kind = ItemKind(b[0])
	}
	switch it.Kind {
	case ItemChunk:
		it.Ref = t.decodeRef(d)
		it.Span = uint64(it.Ref.Length)
	case ItemZeros:
		it.Span = d.Uint()
	case ItemList:
		it.Ref = t.decodeRef(d)
		it.Span = d.Uint()
	default:
		d.Fail(damaged("content item of unknown kind %d", it.Kind))
	}
	if it.Span == 0 {
		d.Fail(damaged("content item without content"))
	}
	return it
}

// appendItems appends a count and the items.
func (t *feedTable) appendItems(b []byte, items []Item) []byte {
	b = compact.AppendUint(b, uint64(len(items)))
	for i := range items {
		b = t.appendItem(b, items[i])
	}
	return b
}

// decodeItems reads items and checks that they span size bytes (or entries, in
// the list of a folder's parts); size may be anySpan.
func (t *feedTable) decodeItems(d *compact.Decoder, limit int, size uint64) []Item {
	n := d.Uint()
	if n > uint64(limit) || n*2 > uint64(d.Len()) {
		d.Fail(damaged("list of %d items", n))
		return nil
	}
	if n == 0 && size == 0 {
		return nil
	}
	items := make([]Item, 0, n)
	var sum uint64
	for range n {
		it := t.decodeItem(d)
		if d.Err() != nil {
			return nil
		}
		if sum += it.Span; sum > maxSize {
			d.Fail(damaged("file that is too large"))
			return nil
		}
		items = append(items, it)
	}
	if size != anySpan && sum != size {
		d.Fail(damaged("content of %d bytes in a file of %d", sum, size))
		return nil
	}
	return items
}
