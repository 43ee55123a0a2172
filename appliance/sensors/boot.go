package sensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func (r *reader) boot(now time.Time) Boot {
	var b Boot
	b.ID, _ = r.text(filepath.Join(r.proc, "sys/kernel/random/boot_id"))
	b.Kernel, _ = r.text(filepath.Join(r.proc, "sys/kernel/osrelease"))
	if model, ok := r.text(filepath.Join(r.proc, "device-tree/model")); ok {
		b.Model = clip(model)
	} else if model, ok := r.text(filepath.Join(r.sys, "class/dmi/id/product_name")); ok {
		b.Model = clip(model)
	}
	b.ID, b.Kernel = clip36(b.ID), clip(b.Kernel)
	if up, ok := r.uptime(); ok {
		// From the uptime, and not from the btime of /proc/stat: that was taken when a
		// board without a battery still thought that it was 1970.
		b.Uptime, b.Time = up, now.Add(-up).Round(time.Second)
	}
	b.Cause = r.cause()
	return b
}

// clip36 keeps the length of a UUID.
func clip36(s string) string { return s[:min(len(s), 36)] }

func (r *reader) uptime() (time.Duration, bool) {
	path := filepath.Join(r.proc, "uptime")
	s, ok := r.text(path)
	if !ok {
		return 0, false
	}
	first, _, _ := strings.Cut(s, " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil || !(seconds >= 0 && seconds < math.MaxInt32) {
		r.fail(fmt.Errorf("%s holds %q, which is no uptime", path, clip(s)))
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// Bits of a watchdog's bootstatus (linux/watchdog.h).
const (
	wdOverheat   = 0x01
	wdPowerUnder = 0x10
	wdCardReset  = 0x20
)

// rstsPowerOn is the bit of the BCM2835's PM_RSTS register that a power-on sets. Its
// watchdog bits do not help: these boards restart on request by their watchdog.
const rstsPowerOn = 0x1000

// cause asks those that may know, the surest first.
func (r *reader) cause() Cause {
	// A kernel that panics leaves its last words here. They stay until somebody has
	// read and deleted them: the caller's to do.
	for _, name := range r.names(filepath.Join(r.sys, "fs/pstore")) {
		if strings.HasPrefix(name, "dmesg-") {
			return Panic
		}
	}
	if bits, ok := r.uint(filepath.Join(r.sys, "class/watchdog/watchdog0/bootstatus")); ok {
		switch {
		case bits&wdOverheat != 0:
			return Overheated
		case bits&wdPowerUnder != 0:
			return Undervolted
		case bits&wdCardReset != 0:
			return Watchdog
		}
	}
	for _, name := range []string{"pm_rsts", "rsts"} { // the firmware's versions differ
		b, err := os.ReadFile(filepath.Join(r.proc, "device-tree/chosen/bootloader", name))
		if err == nil && len(b) == 4 && binary.BigEndian.Uint32(b)&rstsPowerOn != 0 {
			return PowerOn
		}
	}
	return UnknownCause
}
