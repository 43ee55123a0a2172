package sensors

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/procfs"
)

func (r *reader) cpu(fs procfs.FS) *CPU {
	stat, err := fs.Stat()
	if err != nil {
		r.fail(fmt.Errorf("reading processor times: %w", err))
		return nil
	}
	t := stat.CPUTotal
	c := CPU{
		Count: len(stat.CPU), User: t.User + t.Nice, System: t.System + t.IRQ + t.SoftIRQ,
		IOWait: t.Iowait, Steal: t.Steal, Idle: t.Idle,
	}
	if c.Count == 0 {
		return nil
	}
	for _, v := range []float64{c.User, c.System, c.IOWait, c.Steal, c.Idle} {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			r.fail(fmt.Errorf("reading processor times: %v seconds", v))
			return nil
		}
	}
	return &c
}

func (r *reader) memory(fs procfs.FS) *Memory {
	info, err := fs.Meminfo()
	if err != nil {
		r.fail(fmt.Errorf("reading memory: %w", err))
		return nil
	}
	if info.MemTotalBytes == nil || info.MemAvailableBytes == nil {
		return nil
	}
	return &Memory{SizeBytes: *info.MemTotalBytes, AvailableBytes: *info.MemAvailableBytes}
}

// pressure reads the kernel's pressure stall information, which many kernels are
// built without.
func (r *reader) pressure(fs procfs.FS) []Pressure {
	var list []Pressure
	for _, resource := range []string{"cpu", "io", "memory"} {
		stats, err := fs.PSIStatsForResource(resource)
		if err != nil {
			r.fail(fmt.Errorf("reading pressure: %w", err))
			continue
		}
		if stats.Some == nil {
			continue
		}
		p := Pressure{Resource: resource, Some: microseconds(stats.Some.Total)}
		// Of the processor "full" is written as 0 by newer kernels, so that all files
		// look alike: it means nothing for the whole machine.
		if stats.Full != nil && resource != "cpu" {
			full := microseconds(stats.Full.Total)
			p.Full = &full
		}
		list = append(list, p)
	}
	return list
}

func microseconds(n uint64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/1000)) * time.Microsecond
}
