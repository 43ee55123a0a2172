package chain_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"syscall"

	"cobox/provision/chain"
)

// errCut is what every call says after the power was cut.
var errCut = errors.New("the power is cut")

// A fault is what goes wrong with a disk at one step.
type fault struct {
	step int     // the how-manieth change fails, from 1; 0 for none
	done float64 // how much of it was done: 0, 0.5 or 1
	err  error   // what it says; errCut ends all
}

// A fakeDisk is a disk that can fail, be full, and lose what was not synced.
type fakeDisk struct {
	statements, synced []byte
	head               []byte // nil: there is none; it is replaced at once
	reserved           int64  // -1: there is none
	free               int64  // bytes; -1: as many as you like
	greedy             bool   // somebody else takes all that comes free

	steps int
	fault fault
	cut   bool
}

var _ chain.Disk = (*fakeDisk)(nil)

func newDisk() *fakeDisk { return &fakeDisk{reserved: -1, free: -1} }

// copy returns a disk with the same content and no fault.
func (d *fakeDisk) copy() *fakeDisk {
	return &fakeDisk{
		statements: bytes.Clone(d.statements), synced: bytes.Clone(d.synced), head: bytes.Clone(d.head),
		reserved: d.reserved, free: d.free, greedy: d.greedy,
	}
}

// reboots returns what may be on the disk after the power was cut: all that was
// written, only what was synced, or the length of the one with holes.
func (d *fakeDisk) reboots() []*fakeDisk {
	whole, least, holes := d.copy(), d.copy(), d.copy()
	whole.synced = bytes.Clone(d.statements)
	least.statements = bytes.Clone(d.synced)
	for i := len(d.synced); i < len(holes.statements); i++ {
		if i%512 >= 256 {
			holes.statements[i] = 0
		}
	}
	holes.synced = bytes.Clone(holes.statements)
	return []*fakeDisk{whole, least, holes}
}

// step counts a change and returns how much of it is done, and what it says.
func (d *fakeDisk) step() (done float64, err error) {
	if d.cut {
		return 0, errCut
	}
	d.steps++
	if d.steps != d.fault.step {
		return 1, nil
	}
	d.cut = errors.Is(d.fault.err, errCut)
	return d.fault.done, d.fault.err
}

// take takes n bytes of what is free.
func (d *fakeDisk) take(n int64) error {
	if d.free < 0 || n <= 0 {
		return nil
	}
	if n > d.free {
		return syscall.ENOSPC
	}
	d.free -= n
	return nil
}

func (d *fakeDisk) ReadAt(p []byte, off int64) (int, error) {
	if d.cut {
		return 0, errCut
	}
	return bytes.NewReader(d.statements).ReadAt(p, off)
}

func (d *fakeDisk) WriteAt(p []byte, off int64) (int, error) {
	done, err := d.step()
	if full := d.take(off + int64(len(p)) - int64(len(d.statements))); err == nil && full != nil {
		done, err = 0.5, full // a full disk takes a part
	}
	n := int(float64(len(p)) * done)
	if end := off + int64(n); end > int64(len(d.statements)) {
		d.statements = append(d.statements, make([]byte, end-int64(len(d.statements)))...)
	}
	copy(d.statements[off:], p[:n])
	return n, err
}

func (d *fakeDisk) Sync() error {
	done, err := d.step()
	if done == 1 {
		d.synced = bytes.Clone(d.statements)
	}
	return err
}

func (d *fakeDisk) Truncate(size int64) error {
	done, err := d.step()
	if done == 1 {
		d.statements = d.statements[:size]
	}
	return err
}

func (d *fakeDisk) Size() (int64, error) { return int64(len(d.statements)), nil }
func (d *fakeDisk) Close() error         { return nil }

func (d *fakeDisk) ReadHead() ([]byte, error) {
	switch {
	case d.cut:
		return nil, errCut
	case d.head == nil:
		return nil, fs.ErrNotExist
	}
	return d.head, nil
}

// WriteHead needs room for a temporary file, of a page.
func (d *fakeDisk) WriteHead(text []byte) error {
	done, err := d.step()
	if d.free >= 0 && d.free < 4096 && err == nil {
		return syscall.ENOSPC
	}
	if done == 1 {
		d.head = bytes.Clone(text)
	}
	return err
}

func (d *fakeDisk) Reserved() (int64, error) {
	if d.reserved < 0 {
		return 0, fs.ErrNotExist
	}
	return d.reserved, nil
}

func (d *fakeDisk) SetReserved(n int64) error {
	done, err := d.step()
	if done < 1 {
		return err
	}
	d.reserved = max(0, d.reserved)
	for d.reserved < n && d.take(chain.ReservePiece) == nil {
		d.reserved += chain.ReservePiece
	}
	if freed := d.reserved - n; freed > 0 {
		d.reserved = n
		if d.free >= 0 {
			d.free += freed
		}
	}
	return err
}

var _ io.ReaderAt = (*fakeDisk)(nil)
