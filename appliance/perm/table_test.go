package perm_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cobox/appliance/perm"
)

// image returns a card of size bytes with a boot volume and two roots, as mkimage
// lays them out, made for a smaller card.
func image(t *testing.T, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "card"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	entries := make([]byte, 128*128)
	for i, at := range [][2]uint64{{8192, 16383}, {16384, 24575}, {24576, 32767}} {
		e := entries[i*128:]
		copy(e, []byte{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4})
		copy(e[16:], fmt.Sprintf("unique GUID %04d", i))
		le.PutUint64(e[32:], at[0])
		le.PutUint64(e[40:], at[1])
	}
	h := make([]byte, 512)
	copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
	le.PutUint64(h[24:], 1)
	le.PutUint64(h[32:], 32800+33)
	le.PutUint64(h[40:], 34)
	le.PutUint64(h[48:], 32800)
	copy(h[56:], "the disk's GUID!")
	le.PutUint64(h[72:], 2)
	le.PutUint32(h[80:], 128)
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
	mbr := make([]byte, 512)
	mbr[446+4] = 0xee
	le.PutUint32(mbr[446+8:], 1)
	le.PutUint32(mbr[446+12:], uint32(size/512-1))
	mbr[510], mbr[511] = 0x55, 0xaa
	for at, b := range map[int64][]byte{0: mbr, 512: h, 1024: entries} {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

const cardSize = 200 << 20

func readTable(t *testing.T, d *os.File) *perm.Table {
	t.Helper()
	table, err := perm.ReadTable(d, cardSize)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestFreeIsBehindTheSystem(t *testing.T) {
	got, err := readTable(t, image(t, cardSize)).Free()
	if err != nil || got.Start != 16<<20 || got.Size != 180<<20 {
		t.Errorf("Free = %+v, %v", got, err)
	}
	small := image(t, 70<<20)
	table, err := perm.ReadTable(small, 70<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := table.Free(); err == nil {
		t.Errorf("Free on a card without room = %+v", got)
	}
}

// A powerless disk takes a number of writes, and then none.
type powerless struct {
	*os.File
	left  int
	tears int // how many bytes of the last write still come through
}

var errPower = errors.New("the power went away")

func (p *powerless) WriteAt(b []byte, at int64) (int, error) {
	if p.left--; p.left >= 0 {
		return p.File.WriteAt(b, at)
	}
	if p.left == -1 {
		// Whole sectors only: that is what a disk promises.
		if n := min(len(b), p.tears); n > 0 {
			if _, err := p.File.WriteAt(b[:n/512*512], at); err != nil {
				return 0, err
			}
		}
	}
	return 0, errPower
}

// Wherever the power goes away, the table is sound, with or without /perm, and
// the next start ends the work.
func TestPowerCutInTheTable(t *testing.T) {
	for tears := 0; tears <= 32*512; tears += 512 {
		done := false
		for cut := 0; !done; cut++ {
			f := image(t, cardSize)
			table := readTable(t, f)
			at, err := table.Free()
			if err != nil {
				t.Fatal(err)
			}
			err = table.Add(&powerless{f, cut, tears}, at)
			if done = err == nil; !done && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			table = readTable(t, f) // fails the test unless it is sound
			got, there := table.Partition(perm.Number)
			if there && got != at || !there && (done || cut > 4) {
				t.Fatalf("after %d writes partition 4 is %+v, %v, want %+v", cut, got, there, at)
			}
			if there {
				err = table.Repair(f)
			} else {
				err = table.Add(f, at)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, there := readTable(t, f).Partition(perm.Number); !there || got != at {
				t.Fatalf("after a cut at write %d and a second try partition 4 is %+v, %v", cut, got, there)
			}
			if tears == 0 {
				verify(t, f.Name())
			}
		}
	}
}

// verify asks fdisk's tool where there is one.
func verify(t *testing.T, path string) {
	t.Helper()
	tool, err := exec.LookPath("sfdisk")
	if err != nil {
		return
	}
	if out, err := exec.Command(tool, "--verify", path).CombinedOutput(); err != nil {
		t.Errorf("sfdisk --verify: %v\n%s", err, out)
	}
}

// Every bit of the table counts: with any of them turned nothing is added.
func TestDamagedTable(t *testing.T) {
	f := image(t, cardSize)
	for at := int64(512); at < 512+92; at++ {
		flip(t, f, at)
		if _, err := perm.ReadTable(f, cardSize); !errors.Is(err, perm.ErrTable) {
			t.Errorf("with byte %d turned: %v", at, err)
		}
		flip(t, f, at)
	}
	for at := int64(1024); at < 1024+128*128; at += 61 {
		flip(t, f, at)
		if _, err := perm.ReadTable(f, cardSize); !errors.Is(err, perm.ErrTable) {
			t.Errorf("with byte %d turned: %v", at, err)
		}
		flip(t, f, at)
	}
	readTable(t, f)
	if err := f.Truncate(10 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := perm.ReadTable(f, 10<<20); !errors.Is(err, perm.ErrTable) {
		t.Errorf("a card that is smaller than its partitions: %v", err)
	}
}

func flip(t *testing.T, f *os.File, at int64) {
	t.Helper()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

func FuzzReadTable(f *testing.F) {
	f.Add([]byte("EFI PART"), []byte{})
	f.Fuzz(func(t *testing.T, header, entries []byte) {
		disk := make(memory, 1<<20)
		copy(disk[512:1024], header)
		copy(disk[1024:], entries)
		// The sums are made right, so that the fuzzer gets past them.
		le := binary.LittleEndian
		copy(disk[512:], "EFI PART")
		le.PutUint32(disk[512+12:], 92)
		n := le.Uint32(disk[512+80:])
		if at := le.Uint64(disk[512+72:]); n <= 128 && at < 1500 {
			le.PutUint32(disk[512+88:], crc32.ChecksumIEEE(disk[at*512:][:n*128]))
		}
		le.PutUint32(disk[512+16:], 0)
		le.PutUint32(disk[512+16:], crc32.ChecksumIEEE(disk[512:512+92]))
		table, err := perm.ReadTable(disk, 1<<40)
		if err != nil {
			return
		}
		if at, err := table.Free(); err == nil && (at.Size <= 0 || at.Start < 0 || at.Start+at.Size > 1<<40) {
			t.Errorf("Free = %+v", at)
		}
	})
}

type memory []byte

func (m memory) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > int64(len(m)) {
		return 0, errors.New("outside of the disk")
	}
	return copy(p, m[at:]), nil
}
