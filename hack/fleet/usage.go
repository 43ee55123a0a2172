package main

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// usageOf returns the processor time and the resident bytes of a process, as Linux
// tells.
func usageOf(pid int) (cpu time.Duration, resident uint64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The name is in parentheses and may hold spaces; what is counted follows it.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 22 {
		return 0, 0, fmt.Errorf("reading what process %d uses: %q", pid, stat)
	}
	var user, system, pages uint64
	for i, v := range map[int]*uint64{11: &user, 12: &system, 21: &pages} {
		if _, err := fmt.Sscan(string(f[i]), v); err != nil {
			return 0, 0, fmt.Errorf("reading what process %d uses: %w", pid, err)
		}
	}
	return time.Duration(user+system) * time.Second / 100, pages * uint64(os.Getpagesize()), nil
}
