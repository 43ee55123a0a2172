//go:build !linux

package flash

import "errors"

// Devices fails: which disks are this computer's own is known on Linux alone.
func Devices() ([]Device, error) {
	return nil, errors.New("mkimage flash knows the disks of Linux alone: write the image with another program, such as dd or a flashing tool, as it is")
}
