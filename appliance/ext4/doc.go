// Package ext4 makes the file systems of a box, on its card and on its data disk, and
// tells of one that is there what it is called and whether it is sound. Mounting is the
// caller's.
package ext4
