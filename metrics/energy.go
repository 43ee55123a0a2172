package metrics

import (
	"strings"

	"cobox/appliance/sensors"
)

// A PowerModel estimates what a board draws, from measurements by others with a meter
// at its plug. The error is in the order of a fifth: a box has no meter of its own.
type PowerModel struct {
	IdleWatts float64 // of the board, switched on and doing nothing
	BusyWatts float64 // that all its processors add when all work
	DiskWatts float64 // that a disk on USB, SATA or NVMe adds for being there
}

// models are by the beginning of the board's name; the first that fits counts. The
// figures of the boards are those published at pidramble.com (idle, and stress on all
// processors, Ethernet connected, nothing on USB); of a disk, a portable SSD's.
func models() []struct {
	board string
	model PowerModel
} {
	const disk = 1.0
	return []struct {
		board string
		model PowerModel
	}{
		{"Raspberry Pi 5", PowerModel{2.7, 4.1, disk}},
		{"Raspberry Pi Compute Module 5", PowerModel{2.7, 4.1, disk}},
		{"Raspberry Pi 4", PowerModel{2.7, 3.7, disk}},
		{"Raspberry Pi 400", PowerModel{2.7, 3.7, disk}},
		{"Raspberry Pi Compute Module 4", PowerModel{2.7, 3.7, disk}},
		{"Raspberry Pi 3 Model B Plus", PowerModel{1.9, 3.2, disk}},
		{"Raspberry Pi 3", PowerModel{1.4, 2.3, disk}},
		{"Raspberry Pi Zero 2", PowerModel{0.6, 2.1, disk}},
	}
}

// PowerModelOf returns the model of a board (its name as in [sensors.Boot.Model]),
// or nil when there is none.
func PowerModelOf(board string) *PowerModel {
	for _, m := range models() {
		if strings.HasPrefix(board, m.board) {
			return &m.model
		}
	}
	return nil
}

// Joules estimates the energy that the machine has used since it started: its idle
// power for the whole time, and its processors' for the part in which they worked. It
// is absent (false) when the reading lacks the times.
func (m PowerModel) Joules(r sensors.Reading) (joules float64, ok bool) {
	if r.Boot.Uptime <= 0 || r.CPU == nil || r.CPU.Count == 0 {
		return 0, false
	}
	disks := 0
	for _, d := range r.Disks {
		switch d.Kind {
		case sensors.USBDisk, sensors.SCSIDisk, sensors.NVMe:
			disks++
		}
	}
	idle := (m.IdleWatts + float64(disks)*m.DiskWatts) * r.Boot.Uptime.Seconds()
	return idle + m.BusyWatts*r.CPU.Busy()/float64(r.CPU.Count), true
}
