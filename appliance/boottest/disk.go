package boottest

import (
	"errors"
	"fmt"
	"strconv"
)

// An NVMe is an NVMe disk. Number i of a [Setup] has the serial number nvme0, nvme1 and
// so on.
type NVMe struct {
	File    string
	Warning uint8 // what it says of its own health, by the bits of its critical warning
}

func (d NVMe) args(i int) []string {
	id := "nvme" + strconv.Itoa(i)
	return []string{
		"-drive", "if=none,format=raw,id=" + id + ",file=" + d.File,
		"-device", fmt.Sprintf("nvme,serial=%s,drive=%s,smart_critical_warning=%d", id, id, d.Warning),
	}
}

// stick is what QEMU and the guest know the USB disk number i of a [Setup] by: its
// serial number, too.
func stick(i int) string { return "stick" + strconv.Itoa(i) }

// Unplug pulls the USB disk number i out while the box runs.
func (g *Guest) Unplug(i int) error {
	return g.order(func(m *monitor) error {
		_, err := m.do("device_del", map[string]any{"id": stick(i)})
		return err
	})
}

// Plug puts the file of a USB disk in again as number i.
func (g *Guest) Plug(i int, file string) error {
	return g.order(func(m *monitor) error {
		node := "again" + strconv.Itoa(i)
		_, err := m.do("blockdev-add", map[string]any{
			"driver": "raw", "node-name": node, "file": map[string]any{"driver": "file", "filename": file},
		})
		if err == nil {
			_, err = m.do("device_add", map[string]any{"driver": "usb-storage", "id": stick(i), "serial": stick(i), "drive": node})
		}
		return err
	})
}

// order gives QEMU orders.
func (g *Guest) order(do func(*monitor) error) error {
	m, err := openMonitor(g.monitor)
	if err != nil {
		return err
	}
	return errors.Join(do(m), m.close())
}
