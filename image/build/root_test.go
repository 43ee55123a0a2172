package build_test

import (
	"time"

	"cobox/image/squashfs"
)

// makeRoot returns a root file system with little in it.
func makeRoot() ([]byte, error) {
	return squashfs.Make([]squashfs.Entry{{Path: "gokrazy/init", Mode: 0o755, Data: []byte("init")}}, time.Unix(1, 0))
}
