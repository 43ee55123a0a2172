package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usage is what a process has used, as Linux tells.
type usage struct {
	cpu  time.Duration // user and system
	peak uint64        // resident bytes, the highest
	anon uint64        // of them anonymous, the highest that was seen by the sampler
}

// ticks is the unit of /proc/PID/stat's times; it is 100 on all Linux platforms that Go supports.
const ticks = 100

func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may hold spaces; the fields are counted after it.
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err := strconv.ParseUint(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseUint(f[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / ticks, nil
}

// memoryOf returns the peak resident set and the anonymous memory in bytes.
func memoryOf(pid int) (peak, anon uint64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kb uint64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			peak = kb << 10
		}
		if _, err := fmt.Sscanf(line, "RssAnon: %d kB", &kb); err == nil {
			anon = kb << 10
		}
	}
	return peak, anon, nil
}

// A sampler watches a process while something is measured.
type sampler struct {
	pid  int
	cpu  time.Duration
	anon uint64
	stop chan struct{}
	wg   sync.WaitGroup
}

func sample(pid int) (*sampler, error) {
	cpu, err := cpuOf(pid)
	if err != nil {
		return nil, err
	}
	s := &sampler{pid: pid, cpu: cpu, stop: make(chan struct{})}
	s.wg.Go(func() {
		t := time.NewTicker(20 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-t.C:
				if _, anon, err := memoryOf(pid); err == nil {
					s.anon = max(s.anon, anon)
				}
			}
		}
	})
	return s, nil
}

func (s *sampler) end() (usage, error) {
	close(s.stop)
	s.wg.Wait()
	cpu, err := cpuOf(s.pid)
	if err != nil {
		return usage{}, err
	}
	peak, _, err := memoryOf(s.pid)
	return usage{cpu: cpu - s.cpu, peak: peak, anon: s.anon}, err
}
