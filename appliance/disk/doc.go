// Package disk finds the disks of a box beside its card, and tells what is on them:
// an operator who gives a disk to the box for good should know which one it is, and
// what would be lost.
//
// Looking is all that is done here: nothing is written to, mounted or changed.
package disk
