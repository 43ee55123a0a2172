package space_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// seeds are the plaintext blocks of a small backup.
func seeds(t testing.TB) [][]byte {
	w := newWorld(t)
	w.write("a", []byte("content"))
	w.write("b/c", make([]byte, 100_000))
	w.write("b/d", []byte("content"))
	w.backup()
	var plain [][]byte
	for i, b := range w.log.blocks {
		p, err := w.keys.Cipher(w.log.key).Open(uint64(i), b)
		must(t, err)
		plain = append(plain, p)
	}
	return plain
}

// FuzzBlock decodes plaintext blocks of all kinds.
func FuzzBlock(f *testing.F) {
	for _, p := range seeds(f) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		_, _, err := space.Unframe(plain)
		if err != nil && !errors.Is(err, space.ErrDamaged) {
			t.Errorf("Unframe: %v", err)
		}
	})
}

// FuzzPayload decodes payloads of all kinds; what decodes is encoded again and decodes to the same.
func FuzzPayload(f *testing.F) {
	for _, p := range seeds(f) {
		k, payload, err := space.Unframe(p)
		must(f, err)
		f.Add(byte(k), payload)
	}
	f.Fuzz(func(t *testing.T, k byte, payload []byte) {
		once, err := space.RoundTripPayload(k, payload)
		if err != nil {
			if !errors.Is(err, space.ErrDamaged) {
				t.Errorf("kind %d: %v", k, err)
			}
			return
		}
		twice, err := space.RoundTripPayload(k, once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("kind %d: %x became %x, %v", k, once, twice, err)
		}
	})
}

// FuzzObject decodes tree objects.
func FuzzObject(f *testing.F) {
	ref := space.Ref{Location: space.Location{Feed: feed.Key{1}, Block: 2, Slot: 3}, ID: space.ChunkID{4}, Length: 5}
	f.Add(space.EncodeDir([]space.Node{
		file("a", ref),
		{Name: "b", Type: space.TypeDir, Mode: 0o755, ModTime: time.Unix(1, 2), Tree: ref},
		{Name: "c", Type: space.TypeDir},
		{Name: "d", Type: space.TypeSymlink, Target: "a"},
		{Name: "e", Type: space.TypeCharDevice, Rdev: 77},
		{Name: "f", Type: space.TypeFile, Size: 9, Content: []space.Item{{Kind: space.ItemZeros, Span: 4}, {Kind: space.ItemList, Ref: ref, Span: 5}}},
	}))
	f.Add(space.EncodeList([]space.Item{{Kind: space.ItemChunk, Ref: ref, Span: 5}, {Kind: space.ItemZeros, Span: 1 << 40}, {Kind: space.ItemList, Ref: ref, Span: 6}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := space.RoundTripObject(b)
		if err != nil {
			if !errors.Is(err, space.ErrDamaged) {
				t.Error(err)
			}
			return
		}
		twice, err := space.RoundTripObject(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x became %x, %v", once, twice, err)
		}
	})
}

// FuzzIndex opens index files.
func FuzzIndex(f *testing.F) {
	path := filepath.Join(f.TempDir(), "index")
	x, err := space.OpenIndex(path, space.ID{1})
	must(f, err)
	must(f, x.Add(feed.Key{1}, 0, 0, nil))
	must(f, x.Add(feed.Key{1}, 0, 1, []space.ChunkID{{1}, {2}}))
	must(f, x.Close())
	b, err := os.ReadFile(path)
	must(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "index")
		must(t, os.WriteFile(path, b, 0o600))
		x, err := space.OpenIndex(path, space.ID{1})
		must(t, err)
		length, fork := x.Covered(feed.Key{9})
		must(t, x.Add(feed.Key{9}, fork, length, []space.ChunkID{{7}}))
		must(t, x.Close())
	})
}
