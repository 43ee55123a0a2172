package flash

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// memory is a card; what is written to bad is lost.
type memory struct {
	data   []byte
	bad    int64 // an offset, or 0
	writes []int64
	forgot bool
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) { return copy(p, m.data[at:]), nil }
func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	m.writes = append(m.writes, at)
	copy(m.data[at:], p)
	if m.bad > at && m.bad < at+int64(len(p)) {
		m.data[m.bad] ^= 1
	}
	return len(p), nil
}
func (m *memory) Sync() error   { return nil }
func (m *memory) Forget() error { m.forgot = true; return nil }

func TestWrite(t *testing.T) {
	image := bytes.Repeat([]byte("an image of a card "), 1<<19) // 9.5 MiB
	size := int64(len(image))
	m := &memory{data: bytes.Repeat([]byte{0xee}, int(size)+3<<20)}
	var last int64
	err := Write(t.Context(), m, int64(len(m.data)), bytes.NewReader(image), size, func(done int64) {
		if done <= last {
			t.Errorf("progress went from %d to %d", last, done)
		}
		last = done
	})
	if err != nil || !bytes.Equal(m.data[:size], image) || last != 2*size || !m.forgot {
		t.Errorf("%v; progress %d of %d; memory forgotten: %v", err, last, 2*size, m.forgot)
	}
	if end := m.data[len(m.data)-tail:]; !bytes.Equal(end, make([]byte, tail)) {
		t.Error("an old partition table is left at the end")
	}
	if m.data[size] != 0xee {
		t.Error("more was overwritten than needs to be")
	}
	if m.writes[0] != 0 || m.writes[len(m.writes)-1] != 0 {
		t.Errorf("the partition table is not written last: %v", m.writes)
	}

	bad := &memory{data: make([]byte, size+3<<20), bad: 5 << 20}
	if err := Write(t.Context(), bad, int64(len(bad.data)), bytes.NewReader(image), size, nil); !errors.Is(err, ErrDiffers) {
		t.Errorf("a bad card: %v", err)
	}
	if err := Write(t.Context(), m, size-1, bytes.NewReader(image), size, nil); err == nil {
		t.Error("a card that is too small was written")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m = &memory{data: make([]byte, size)}
	if err := Write(ctx, m, size, bytes.NewReader(image), size, nil); !errors.Is(err, context.Canceled) || !bytes.Equal(m.data[:512], make([]byte, 512)) {
		t.Errorf("stopped in the middle: %v; there is a first sector", err)
	}
}

func TestCheck(t *testing.T) {
	good := Device{Name: "sdb", Path: "/dev/sdb", Size: 8 << 30, Removable: true}
	if err := good.Check(1 << 30); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Device){
		"in use":        func(d *Device) { d.Mounted = []string{"/"} },
		"built upon":    func(d *Device) { d.Held = true },
		"this computer": func(d *Device) { d.Removable = false },
		"no card":       func(d *Device) { d.Size = 0 },
		"protected":     func(d *Device) { d.ReadOnly = true },
		"needs":         func(d *Device) { d.Size = 1 << 20 },
	} {
		d := good
		change(&d)
		if err := d.Check(1 << 30); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
