//go:build !linux

package flash

import (
	"errors"
	"os"
)

// A File is a device that was opened to be written to by this program alone.
type File struct {
	*os.File
	Size int64
}

// Open fails, as [Devices] does.
func (d Device) Open() (*File, error) { return nil, errors.New("devices are opened on Linux alone") }

// Forget implements [Target].
func (f *File) Forget() error { return nil }

// Reread does nothing.
func (f *File) Reread() error { return nil }
