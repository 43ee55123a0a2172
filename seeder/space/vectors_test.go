package space_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

var update = flag.Bool("update", false, "write testdata/space.json anew")

// vectors are a tiny space, for other implementations: see SPACE.md.
type vectors struct {
	Note          string
	Phrase        string
	Secret        hexBytes
	PartnerKey    hexBytes `json:"partnerPublicKey"`
	Space         hexBytes
	FeedKey       hexBytes
	EncryptionKey hexBytes
	ChunkIDs      []struct{ Content, ID hexBytes }
	Blocks        []vectorBlock
	Snapshot      uint64 // block
	Listing       []vectorEntry
}

type vectorBlock struct {
	Holds  string
	Stored string // hex
}

type vectorEntry struct {
	Path, Type, Mode string
	Time             string
	Size             uint64   `json:",omitempty"`
	Content          hexBytes `json:",omitempty"`
	Target           string   `json:",omitempty"`
}

var vectorKey = feed.Key(bytes.Repeat([]byte{0xfe, 0xed}, 16))

// makeVectors builds the space by hand, so that nothing of a real machine is in it.
func makeVectors() *vectors {
	secret := space.Secret(bytes.Repeat([]byte{0x7f}, 32))
	id := space.ID(bytes.Repeat([]byte{0xab}, 16))
	keys := secret.Keys(id)
	at := func(n int) time.Time { return time.Unix(1_700_000_000+int64(n), int64(n)) }
	public := secret.PartnerKey()[32:]
	encryption := secret.EncryptionKey(vectorKey)
	v := &vectors{
		Note:   "bytes are hex; content is that of whole files; blocks are the stored bytes of the feed, in order",
		Phrase: secret.Phrase(), Secret: secret[:], PartnerKey: hexBytes(public), Space: id[:],
		FeedKey: vectorKey[:], EncryptionKey: encryption[:], Snapshot: 4,
	}
	chunks := [][]byte{[]byte("hello, space\n"), []byte(strings.Repeat("a line that compresses\n", 20)), randomBytes(5, 40)}
	for _, c := range chunks {
		chunkID := keys.ChunkID(c)
		v.ChunkIDs = append(v.ChunkIDs, struct{ Content, ID hexBytes }{c, chunkID[:]})
	}
	add := func(holds string, stored []byte) {
		v.Blocks = append(v.Blocks, vectorBlock{holds, fmt.Sprintf("%x", stored)})
	}
	device := space.Device{ID: space.ID(bytes.Repeat([]byte{0xcd}, 16)), Name: "laptop"}
	add("header", space.SealHeader(keys, vectorKey, &space.Header{Space: id, Name: "archive", Device: device, Created: at(0)}))
	data, refs := space.SealPack(keys, vectorKey, 1, space.KindData, chunks[0], chunks[1])
	add("pack of data, compressed", data)
	random, more := space.SealPack(keys, vectorKey, 2, space.KindData, chunks[2], space.EncodeList([]space.Item{
		{Kind: space.ItemChunk, Ref: refs[1], Span: uint64(refs[1].Length)},
		{Kind: space.ItemZeros, Span: 10000},
		{Kind: space.ItemChunk, Ref: refs[0], Span: uint64(refs[0].Length)},
	}))
	add("pack of data: a chunk, and a list of the file \"listed\"", random)
	named := func(name string, n int, f space.Node) space.Node {
		f.Name, f.ModTime = name, at(n)
		f.ChangeTime, f.Inode = at(n+100), uint64(n)
		if f.Type != space.TypeFile {
			f.ChangeTime, f.Inode = time.Time{}, 0
		}
		return f
	}
	small := file("", refs[0])
	noise := file("", more[0])
	noise.Mode = 0o600
	inner := space.EncodeDir([]space.Node{named("\xff not UTF-8", 1, noise)})
	listedSpan := uint64(refs[1].Length) + 10000 + uint64(refs[0].Length)
	innerRef := space.Ref{Location: space.Location{Feed: vectorKey, Block: 3, Slot: 0}, ID: keys.ChunkID(inner), Length: uint32(len(inner))}
	outer := space.EncodeDir([]space.Node{
		named("empty", 2, space.Node{Type: space.TypeFile, Mode: 0o644}),
		named("folder", 3, space.Node{Type: space.TypeDir, Mode: 0o750, Tree: innerRef}),
		named("hello", 4, small),
		named("link", 5, space.Node{Type: space.TypeSymlink, Mode: 0o777, Target: "folder/../hello"}),
		named("listed", 6, space.Node{Type: space.TypeFile, Mode: 0o755, UID: 1000, GID: 1000, Size: listedSpan,
			Content: []space.Item{{Kind: space.ItemList, Ref: more[1], Span: listedSpan}}}),
		named("nothing in it", 7, space.Node{Type: space.TypeDir, Mode: 0o700}),
		named("pipe", 8, space.Node{Type: space.TypeFifo, Mode: 0o644}),
	})
	tree, trees := space.SealPack(keys, vectorKey, 3, space.KindTree, inner, outer)
	add("pack of tree objects: \"folder\", the root", tree)
	root := space.Node{Type: space.TypeDir, Mode: 0o755, ModTime: at(9), Tree: trees[1]}
	add("snapshot", space.SealSnapshot(keys, vectorKey, 4, &space.Snapshot{
		Space: id, Time: at(10), Device: device, Source: "/srv/archive", Tool: "vectors 1", Root: root,
		Totals: space.Totals{Files: 4, Dirs: 3, Others: 2, Bytes: 13 + 40 + listedSpan}, Feeds: []feed.Key{vectorKey},
	}))
	return v
}

// TestVectors reads the space of testdata/space.json, and makes it again.
func TestVectors(t *testing.T) {
	const path = "testdata/space.json"
	if *update {
		v := makeVectors()
		v.Listing = v.list(t)
		b, err := json.MarshalIndent(v, "", " ")
		must(t, err)
		must(t, os.WriteFile(path, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(path)
	must(t, err)
	var v vectors
	must(t, json.Unmarshal(b, &v))
	secret, err := space.ParsePhrase(v.Phrase)
	must(t, err)
	encryption := secret.EncryptionKey(feed.Key(v.FeedKey))
	if !bytes.Equal(secret[:], v.Secret) || !bytes.Equal(encryption[:], v.EncryptionKey) || !bytes.Equal(secret.PartnerKey()[32:], v.PartnerKey) {
		t.Error("keys differ")
	}
	keys := secret.Keys(space.ID(v.Space))
	for _, c := range v.ChunkIDs {
		if id := keys.ChunkID(c.Content); !bytes.Equal(id[:], c.ID) {
			t.Errorf("ChunkID(%q) = %s, want %x", c.Content, id, c.ID)
		}
	}
	got, err := json.Marshal(v.list(t))
	must(t, err)
	want, err := json.Marshal(v.Listing)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("listing is\n%s\nwant\n%s", got, want)
	}
	// What is not compressed is written byte for byte; compressed bytes may
	// differ from one version of the library to the next.
	for i, again := range makeVectors().Blocks {
		if i != 1 && i != 3 && again != v.Blocks[i] {
			t.Errorf("block %d is made differently", i)
		}
	}
}

// list reads the vectors' snapshot with all content.
func (v *vectors) list(t *testing.T) []vectorEntry {
	t.Helper()
	secret := space.Secret(v.Secret)
	m := newMemory()
	log := m.log("")
	delete(m.feeds, log.key)
	log.key = feed.Key(v.FeedKey)
	m.feeds[log.key] = log
	for _, b := range v.Blocks {
		var stored hexBytes
		must(t, stored.UnmarshalText([]byte(b.Stored)))
		log.blocks = append(log.blocks, stored)
	}
	h, err := space.ReadHeader(t.Context(), secret, m, log.key)
	must(t, err)
	if h.Name != "archive" || !bytes.Equal(h.Space[:], v.Space) {
		t.Errorf("header %+v", h)
	}
	w := &world{t: t, secret: secret, keys: secret.Keys(h.Space), memory: m, log: log}
	s, err := w.reader().LastSnapshot(t.Context(), m.all(log)[0])
	must(t, err)
	if s.Ref.Block != v.Snapshot {
		t.Errorf("the snapshot is in block %d, want %d", s.Ref.Block, v.Snapshot)
	}
	dest := w.restore(s)
	var list []vectorEntry
	must(t, w.reader().Walk(t.Context(), s, func(path string, n *space.Node) error {
		e := vectorEntry{Path: fmt.Sprintf("%+q", path), Type: n.Type.String(), Mode: fmt.Sprintf("%04o", n.Mode),
			Time: fmt.Sprintf("%d.%09d", n.ModTime.Unix(), n.ModTime.Nanosecond()), Size: n.Size, Target: n.Target}
		if n.Type == space.TypeFile {
			content, err := os.ReadFile(dest + "/" + path)
			must(t, err)
			e.Content = content
		}
		list = append(list, e)
		return nil
	}))
	return list
}
