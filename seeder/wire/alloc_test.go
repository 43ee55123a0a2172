package wire_test

import (
	"math"
	"runtime"
	"testing"

	"cobox/seeder/compact"
	"cobox/seeder/wire"
)

// allocated returns how many bytes fn allocates: the least of a few calls, since
// the runtime allocates too now and then.
func allocated(fn func()) uint64 {
	least := uint64(math.MaxUint64)
	var before, after runtime.MemStats
	for range 3 {
		runtime.ReadMemStats(&before)
		fn()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// No number in a message makes us allocate more than the message's own bytes
// warrant: not a count of what is not there, nor one that is over the limit.
func TestParseAllocation(t *testing.T) {
	count := func(n uint64, follow int, before ...byte) []byte {
		return append(compact.AppendUint(before, n), make([]byte, follow)...)
	}
	rows := []struct {
		name string
		typ  uint64
		body []byte
	}{
		{"a block that is not there", 3, count(compact.MaxUint, 10, 1, 1, 0, 0)},
		{"nodes that are not there", 3, count(1<<20, 1000, 2, 1, 0, 0)},
		{"very many nodes", 3, count(1<<19, 34<<19, 2, 1, 0, 0)},
		{"as many nodes as there may be", 3, count(256, 34*256, 2, 1, 0, 0)},
		{"a signature that is not there", 3, count(1<<32, 10, 8, 1, 0, 0, 0, 0, 0)},
		{"a long signature", 3, count(1<<24, 1<<24, 8, 1, 0, 0, 0, 0, 0)},
		{"signers that are not there", 3, count(1<<20, 1000, 16, 1, 0, 1, 0, 0, 1)},
		{"very many signers", 3, count(1<<17, 65<<17, 16, 1, 0, 1, 0, 0, 1)},
		{"linked feeds that are not there", 3, count(1<<20, 1000, 16, 1, 0, 2, 4, 0, 0, 0)},
		{"user data that is not there", 3, count(compact.MaxUint, 1000, 16, 1, 0, 2, 8, 0, 0, 0)},
		{"words that are not there", 7, count(1<<20, 1000, 0)},
		{"very many words", 7, count(1<<20, 4<<20, 0)},
		{"as many words as there may be", 7, count(1<<16, 4<<16, 0)},
		{"a name that is not there", 9, count(compact.MaxUint, 1000)},
		{"a long name", 9, count(1<<20, 1<<20)},
	}
	for _, row := range rows {
		n := allocated(func() { _, _ = wire.ParseMessage(row.typ, row.body) })
		// A node takes 34 bytes or more on the wire and 48 in memory.
		if most := uint64(2*len(row.body) + 4096); n > most {
			t.Errorf("%s: a message of %d bytes makes us allocate %d, want at most %d", row.name, len(row.body), n, most)
		}
	}
}

// Nor does an open or a batch.
func TestReceiveAllocation(t *testing.T) {
	rows := []struct {
		name  string
		frame []byte
	}{
		{"a name that is not there", append(compact.AppendUint([]byte{0, 1, 1}, compact.MaxUint), 'p')},
		{"an id that is not there", append(compact.AppendUint([]byte{0, 1, 1, 1, 'p'}, 1<<40), 'x')},
		{"a long name", openFrame(1, string(make([]byte, 1<<20)), "x")},
		{"a high channel", messageFrame(compact.MaxUint, 1)},
		{"a high channel in an open", openFrame(compact.MaxUint, "p", "x")},
		{"a high channel in a close", closeFrame(compact.MaxUint)},
		{"an item that is not there", compact.AppendUint([]byte{0, 0, 1}, compact.MaxUint)},
	}
	for _, row := range rows {
		n := allocated(func() { _ = wire.NewMux().Receive(row.frame, func(wire.Event) error { return nil }) })
		if n > 8192 {
			t.Errorf("%s: a frame of %d bytes makes us allocate %d", row.name, len(row.frame), n)
		}
	}
}
