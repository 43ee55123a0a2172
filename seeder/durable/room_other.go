//go:build !linux

package durable

import "os"

// FreeBytes returns what can still be written below a folder; ok is false when nobody
// knows, as here.
func FreeBytes(string) (n uint64, ok bool) { return 0, false }

// DiskBytes returns the space that a file takes on the disk, as far as its size tells.
func DiskBytes(info os.FileInfo) uint64 { return uint64(info.Size()) }
