package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

const benchBlock = 64 << 10

func benchStore(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(storeDir(b), store.Config{})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	return s
}

// proofs returns verified batches for all blocks of a fresh feed, of which the
// store knows the head.
func proofs(b *testing.B, s *store.Store, n int) (*store.Feed, []*feed.Batch) {
	b.Helper()
	w := storetest.NewWriter(1)
	value := storetest.RandomBlocks(rand.New(rand.NewPCG(1, 1)), 1, benchBlock+1)[0]
	value = append(value, make([]byte, benchBlock-len(value))...)
	blocks := make([][]byte, n)
	for i := range blocks {
		blocks[i] = value
	}
	w.Append(blocks...)
	f := create(b, s, w.Key)
	must(b, w.Upgrade(f))
	st := f.State()
	known := storetest.NewNodes(f)
	batches := make([]*feed.Batch, n)
	for i := range batches {
		count, _ := feed.NodesToProve(known, uint64(2*i), st.Head.Length)
		p, err := feed.Prove(w.Head, w.Manifest, w, feed.Request{Block: &feed.BlockRequest{Index: uint64(i), Nodes: count}})
		must(b, err)
		p.Block.Value = value
		batches[i], err = st.Verify(known, p)
		must(b, err)
		known.Add(batches[i].Nodes...)
	}
	return f, batches
}

// BenchmarkPut64K puts verified blocks in order, syncs included. Run it with
// -benchtime=16384x for a gigabyte.
func BenchmarkPut64K(b *testing.B) {
	s := benchStore(b)
	f, batches := proofs(b, s, b.N)
	b.SetBytes(benchBlock)
	b.ResetTimer()
	for _, batch := range batches {
		feed.NodesToProve(f, 2*batch.Block.Index, f.State().Head.Length) // as who asks for it does
		must(b, f.Put(batch))
	}
	must(b, f.Flush(b.Context()))
}

// BenchmarkAppend64K appends 1 MiB at a time, each time durably.
func BenchmarkAppend64K(b *testing.B) {
	s := benchStore(b)
	w := storetest.NewWriter(1)
	f := create(b, s, w.Key)
	must(b, f.SetManifest(w.Manifest))
	blocks := make([][]byte, 16)
	for i := range blocks {
		blocks[i] = make([]byte, benchBlock)
	}
	b.SetBytes(16 * benchBlock)
	for b.Loop() {
		_, err := f.Append(b.Context(), blocks, w.Sign)
		must(b, err)
	}
}

// BenchmarkBlock reads blocks, in order and not.
func BenchmarkBlock(b *testing.B) {
	s := benchStore(b)
	const n = 4096
	f, batches := proofs(b, s, n)
	for _, batch := range batches {
		must(b, f.Put(batch))
	}
	must(b, f.Flush(b.Context()))
	r := rand.New(rand.NewPCG(1, 1))
	perm := r.Perm(n)
	for name, index := range map[string]func(int) uint64{
		"in order":  func(i int) uint64 { return uint64(i % n) },
		"any order": func(i int) uint64 { return uint64(perm[i%n]) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchBlock)
			var buf []byte
			var err error
			for i := 0; b.Loop(); i++ {
				buf, err = f.Block(index(i), buf)
				must(b, err)
			}
		})
	}
}

// BenchmarkOpen opens a store of many feeds.
func BenchmarkOpen(b *testing.B) {
	dir := storeDir(b)
	s, err := store.Open(dir, store.Config{})
	must(b, err)
	for i := range 10_000 {
		var key feed.Key
		copy(key[:], fmt.Sprint(i))
		create(b, s, key)
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := store.Open(dir, store.Config{})
		must(b, err)
		must(b, s.Close())
	}
}
