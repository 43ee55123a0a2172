// Package disk tests the data disk of a box with the real programs, on loop devices with
// real ext4: a disk is adopted by coboxctl, what the box keeps moves onto it and is
// verified, the disk is pulled and put back, and disks that are not it are refused. It
// needs root, to mount, and is asked for: go test ./hack/rig/disk -disks (make test-root).
//
// A loop device has no model, no serial number and no plug. What the kernel says of
// these, under /sys, is the tests' own, and points to the loop device's real number; and
// pulling is what ext4 itself does when its device is gone (it shuts down: reads and
// writes fail at once, and what was not written is lost), with the device taken away.
package disk
