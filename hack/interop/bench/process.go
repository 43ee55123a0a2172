package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the unit of /proc/PID/stat's times; it is 100 on all Linux platforms that Go supports.
const ticks = 100

// cpuOf returns what a process has used, in user and system mode.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may hold spaces; the fields are counted after it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var sum uint64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, nil
}

// peakOf returns the highest resident set of a process in bytes.
func peakOf(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kb uint64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("process %d tells no VmHWM", pid)
}

// diskOf returns what the files of a folder take on the disk, in bytes.
func diskOf(folder string) (sum uint64, err error) {
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		sum += uint64(info.Sys().(*syscall.Stat_t).Blocks) * 512
		return nil
	})
	return sum, err
}
