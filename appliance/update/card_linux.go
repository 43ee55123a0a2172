package update

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"cobox/appliance/gokrazy"
	"cobox/appliance/slots"

	"golang.org/x/sys/unix"
)

// card are the slots of a box's card, and the gokrazy under which its programs run.
type card struct {
	*slots.Card
	gokrazy *http.Client
}

// Open returns the slots of the box that this program runs on. The error wraps
// [ErrNoSlots] on other computers.
func Open() (Card, error) {
	if _, err := os.Stat(gokrazy.Socket); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoSlots
	}
	c, err := slots.Open()
	if err != nil {
		return nil, fmt.Errorf("looking for the other slot: %w", err)
	}
	return card{c, gokrazy.NewClient(gokrazy.Socket)}, nil
}

// Restart ends all programs and starts the machine again.
func (c card) Restart(ctx context.Context) error { return gokrazy.Reboot(ctx, c.gokrazy) }

// Uptime returns the time since power-on.
func Uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Kill starts the machine again at once, without ending anything.
func Kill() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}
