package space

import (
	"slices"
	"time"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// A SnapshotRef says where a snapshot is: a block of a device's feed.
type SnapshotRef struct {
	Feed  feed.Key
	Block uint64
}

// A Snapshot is the state of a folder at a time.
type Snapshot struct {
	Ref    SnapshotRef // where it is stored; not part of its bytes
	Space  ID
	Time   time.Time // when the backup began
	Device Device
	Source string // the folder's path on the device
	Tool   string // the program and version that wrote it
	// Previous is the block of the snapshot before this one in the same feed,
	// its parent; 0 for the first.
	Previous uint64
	Root     Node // the folder itself, without a name
	Totals   Totals
	// Feeds are all feeds that the snapshot needs; a few more may be named, whose
	// content was in an earlier snapshot.
	Feeds []feed.Key
}

// Totals count what a snapshot holds.
type Totals struct {
	Files      uint64 // regular files; each name of a file with several counts
	Dirs       uint64 // folders, the root included
	Others     uint64 // links, pipes, sockets, devices
	Bytes      uint64 // sizes of all files
	Unreadable uint64 // entries that could not be read and are missing: the snapshot is partial
}

func (s *Snapshot) payload() []byte {
	t := feedTable{keys: slices.Clone(s.Feeds)}
	root := t.appendNode(nil, &s.Root) // may add the root's own feed
	b := compact.AppendUint(nil, s.Previous)
	b = compact.AppendUint(b, FormatVersion)
	b = append(b, s.Space[:]...)
	b = appendTime(b, s.Time)
	b = append(b, s.Device.ID[:]...)
	b = compact.AppendString(b, s.Device.Name)
	b = compact.AppendString(b, s.Source)
	b = compact.AppendString(b, s.Tool)
	b = t.append(b)
	b = append(b, root...)
	for _, n := range []uint64{s.Totals.Files, s.Totals.Dirs, s.Totals.Others, s.Totals.Bytes, s.Totals.Unreadable} {
		b = compact.AppendUint(b, n)
	}
	return b
}

func decodeSnapshot(payload []byte) (*Snapshot, error) {
	d := compact.NewDecoder(payload)
	var s Snapshot
	s.Previous = d.Uint()
	version := d.Uint()
	if d.Err() == nil && version != FormatVersion {
		return nil, damaged("snapshot of format version %d, where this program knows %d: use a newer one", version, FormatVersion)
	}
	copy(s.Space[:], d.Bytes(16))
	s.Time = decodeTime(d)
	copy(s.Device.ID[:], d.Bytes(16))
	s.Device.Name = decodeText(d)
	s.Source = d.String()
	if len(s.Source) > maxTarget {
		d.Fail(damaged("path of %d bytes", len(s.Source)))
	}
	s.Tool = decodeText(d)
	t := decodeFeedTable(d)
	s.Feeds = t.keys
	s.Root = t.decodeNode(d, true)
	for _, n := range []*uint64{&s.Totals.Files, &s.Totals.Dirs, &s.Totals.Others, &s.Totals.Bytes, &s.Totals.Unreadable} {
		*n = d.Uint()
	}
	return &s, finish(d, "snapshot")
}
