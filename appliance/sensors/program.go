package sensors

import (
	"math"
	"runtime/metrics"
	"time"

	"github.com/prometheus/procfs"
)

// A Program is what one of the box's programs uses. Each reads its own, by [Self],
// and seederd hands its reading to provisiond.
type Program struct {
	Name       string        `json:"name"` // seederd, provisiond
	Started    time.Time     `json:"started,omitzero"`
	CPU        time.Duration `json:"cpu"` // used since its start; 0 when unknown
	Resident   uint64        `json:"residentBytes,omitempty"`
	OpenFiles  int           `json:"openFiles,omitempty"`
	Goroutines uint64        `json:"goroutines"`
	HeapBytes  uint64        `json:"heapBytes"` // of live and not yet swept objects
	GoBytes    uint64        `json:"goBytes"`   // that the Go runtime has from the system
	GCCycles   uint64        `json:"gcCycles"`
}

// Self returns what the calling program uses.
func Self(name string) Program {
	p := Program{Name: clip(name)}
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	for i, to := range []*uint64{&p.Goroutines, &p.HeapBytes, &p.GoBytes, &p.GCCycles} {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			*to = samples[i].Value.Uint64()
		}
	}
	self, err := procfs.Self()
	if err != nil {
		return p // not Linux
	}
	if stat, err := self.Stat(); err == nil {
		p.CPU = time.Duration(stat.CPUTime() * float64(time.Second))
		p.Resident = uint64(max(0, stat.ResidentMemory()))
		if start, err := stat.StartTime(); err == nil && start > 0 && start < math.MaxInt32*4 {
			p.Started = time.Unix(0, int64(start*1e9))
		}
	}
	if n, err := self.FileDescriptorsLen(); err == nil {
		p.OpenFiles = n
	}
	return p
}
