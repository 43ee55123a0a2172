package boot

import (
	"time"

	"golang.org/x/sys/unix"
)

// Uptime returns the time since the machine was switched on.
func Uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("boot: " + err.Error()) // every kernel that we run on has it
	}
	return time.Duration(t.Nano())
}
