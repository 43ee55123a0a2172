//go:build !linux

package boot

import "time"

var started = time.Now()

// Uptime returns the time since this program was started: boxes run Linux.
func Uptime() time.Duration { return time.Since(started) }
