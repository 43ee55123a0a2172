package store_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
)

func TestAppendReopen(t *testing.T) {
	dir := t.TempDir() + "/s"
	s, err := store.Open(dir, store.Config{})
	if err != nil { t.Fatal(err) }
	priv := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	m := feed.NewManifest(priv.Public().(ed25519.PublicKey))
	f, err := s.Create(m.Key())
	if err != nil { t.Fatal(err) }
	if err := f.SetManifest(m); err != nil { t.Fatal(err) }
	sign := func(h feed.Head) (feed.Head, error) { return feed.Sign(m.Key(), m, priv, h) }
	var all [][]byte
	for i := range 300 {
		b := make([]byte, i*7); rand.Read(b)
		all = append(all, b)
	}
	for i := 0; i < 300; i += 30 {
		if _, err := f.Append(t.Context(), all[i:i+30], sign); err != nil { t.Fatal(err) }
	}
	check := func() {
		for i, want := range all {
			got, err := f.Block(uint64(i), nil)
			if err != nil || !bytes.Equal(got, want) { t.Fatal(i, err) }
		}
		n := 0
		if err := s.Scrub(t.Context(), 0, func(d store.Damage) { n++; t.Error(d) }); err != nil { t.Fatal(err) }
		if f.Contiguous() != 300 { t.Error(f.Contiguous()) }
	}
	check()
	if err := s.Close(); err != nil { t.Fatal(err) }
	if s, err = store.Open(dir, store.Config{}); err != nil { t.Fatal(err) }
	if f, err = s.Feed(m.Key()); err != nil { t.Fatal(err) }
	check()
	t.Log(s.Stats())
	if err := f.Clear(0, 200); err != nil { t.Fatal(err) }
	if err := s.Delete(m.Key()); err != nil { t.Fatal(err) }
	if err := s.Close(); err != nil { t.Fatal(err) }
}
