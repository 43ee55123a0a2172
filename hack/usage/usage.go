// Package usage tells what a process has used of the machine, as Linux counts it:
// for benchmarks.
package usage

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"cobox/seeder/durable"

	"github.com/prometheus/procfs"
)

// A Process is what one process has used.
type Process struct {
	CPU       time.Duration // user and system
	Resident  uint64        // bytes now
	Peak      uint64        // resident bytes, the highest since its start
	Anonymous uint64        // of the resident bytes, those that no file backs
	Written   uint64        // bytes to disks; 0 where the kernel does not tell
}

// Of returns what a process has used until now.
func Of(pid int) (p Process, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading what process %d uses: %w", pid, err)
		}
	}()
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return p, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return p, err
	}
	status, err := proc.NewStatus()
	if err != nil {
		return p, err
	}
	p = Process{
		CPU: time.Duration(stat.CPUTime() * float64(time.Second)), Resident: uint64(stat.ResidentMemory()),
		Peak: status.VmHWM, Anonymous: status.RssAnon,
	}
	if io, err := proc.IO(); err == nil {
		p.Written = io.WriteBytes - uint64(max(io.CancelledWriteBytes, 0))
	}
	return p, nil
}

// Loopback returns how many bytes have gone over the machine's loopback interface, all
// processes' together, headers included.
func Loopback() (uint64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	lines, err := fs.NetDev()
	if err != nil {
		return 0, fmt.Errorf("reading what the interfaces have sent: %w", err)
	}
	return lines["lo"].TxBytes, nil
}

// Disk returns what the files of a folder take on the disk, in bytes.
func Disk(folder string) (sum uint64, err error) {
	err = filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += durable.DiskBytes(info)
		}
		return err
	})
	return sum, err
}

// A Sampler watches a process while something is measured. One goroutine uses it.
type Sampler struct {
	pid   int
	began Process
	anon  uint64 // the highest that was seen
	stop  chan struct{}
	wg    sync.WaitGroup
}

// sampleEvery is how often a sampler looks: short peaks of memory are missed.
const sampleEvery = 20 * time.Millisecond

// Sample begins to watch a process.
func Sample(pid int) (*Sampler, error) {
	began, err := Of(pid)
	if err != nil {
		return nil, err
	}
	s := &Sampler{pid: pid, began: began, anon: began.Anonymous, stop: make(chan struct{})}
	s.wg.Go(func() {
		t := time.NewTicker(sampleEvery)
		defer t.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-t.C:
				if now, err := Of(pid); err == nil {
					s.anon = max(s.anon, now.Anonymous)
				}
			}
		}
	})
	return s, nil
}

// End ends watching. It returns the processor time and the bytes written since the
// beginning, the anonymous memory at its highest, and the peak since the process began.
func (s *Sampler) End() (Process, error) {
	close(s.stop)
	s.wg.Wait()
	p, err := Of(s.pid)
	p.CPU -= s.began.CPU
	p.Written -= s.began.Written
	p.Anonymous = max(s.anon, p.Anonymous)
	return p, err
}
