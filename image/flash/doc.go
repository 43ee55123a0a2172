// Package flash writes images onto cards and disks: it lists what there is, refuses
// what is in use or looks like part of this computer, writes, and reads back.
package flash
