//go:build !linux

package shelf

import "os"

// dataAfter takes a file for one without holes.
func dataAfter(_ *os.File, at, size int64) (begin, end int64, err error) { return at, size, nil }
