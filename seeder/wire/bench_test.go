package wire_test

import (
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// benchData is what answers a request for a block of 64 KiB in a feed of a million.
func benchData() *wire.Data {
	p := feed.BlockProof{Index: 500_000, Value: make([]byte, 64<<10)}
	for i := range uint64(20) {
		p.Nodes = append(p.Nodes, feed.Node{Index: 1_000_001 + 2*i, Size: 64 << (10 + i)})
	}
	return &wire.Data{ID: 7, Proof: feed.Proof{Block: &p}}
}

func BenchmarkAppendData(b *testing.B) {
	d := benchData()
	var buf []byte
	b.SetBytes(64 << 10)
	for b.Loop() {
		buf = d.Append(buf[:0])
	}
}

func BenchmarkParseData(b *testing.B) {
	text := benchData().Append(nil)
	b.SetBytes(64 << 10)
	for b.Loop() {
		if _, err := wire.ParseMessage((&wire.Data{}).Type(), text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequests writes and reads what asks for a thousand blocks.
func BenchmarkRequests(b *testing.B) {
	var buf []byte
	for b.Loop() {
		for i := range uint64(1000) {
			r := wire.Request{ID: i, Request: feed.Request{Block: &feed.BlockRequest{Index: 500_000 + i, Nodes: 3}}}
			buf = r.Append(buf[:0])
			if _, err := wire.ParseMessage(r.Type(), buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}
