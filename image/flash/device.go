package flash

import (
	"errors"
	"fmt"
	"strings"
)

// A Device is a card or a disk of this computer.
type Device struct {
	Name  string `json:"name"` // such as sdb
	Path  string `json:"path"` // such as /dev/sdb
	Size  int64  `json:"size"` // bytes; 0 without a medium in it
	Model string `json:"model,omitempty"`
	Bus   string `json:"bus,omitempty"` // usb, mmc, nvme, ata, virtio, or empty
	// Removable says that the medium can be taken out, or the whole device unplugged.
	Removable bool `json:"removable"`
	// Mounted are the folders at which it, or part of it, is mounted; "swap" is one.
	Mounted []string `json:"mounted,omitempty"`
	// Held says that something else is built upon it, such as encryption or a RAID.
	Held bool `json:"held,omitempty"`
	// ReadOnly says that it cannot be written to: many cards have a slider.
	ReadOnly bool `json:"readOnly,omitempty"`
}

// ErrRefused says that nothing is written to a device.
var ErrRefused = errors.New("nothing is written to it")

// Check returns why nothing is to be written to d, or nil. least is how large it has
// to be. Errors wrap [ErrRefused].
func (d Device) Check(least int64) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s: %w", d.Path, fmt.Sprintf(format, args...), ErrRefused)
	}
	switch {
	case len(d.Mounted) > 0:
		return refuse("it is in use (%s): if it is the right one, unmount it", strings.Join(d.Mounted, ", "))
	case d.Held:
		return refuse("it is in use: something is built upon it, such as encryption or a RAID")
	case !d.Removable:
		return refuse("it looks like a disk of this computer: it can neither be taken out nor unplugged")
	case d.Size == 0:
		return refuse("there is no card in it")
	case d.ReadOnly:
		return refuse("it is write-protected: many cards have a slider for that")
	case d.Size < least:
		return refuse("it has %d MB, and the image needs %d", d.Size>>20, least>>20)
	}
	return nil
}
