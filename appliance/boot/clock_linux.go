package boot

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// raiseClock sets the clock to floor if it is behind.
func raiseClock(floor time.Time) error {
	if !time.Now().Before(floor) {
		return nil
	}
	tv := unix.NsecToTimeval(floor.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	return nil
}

// A clockWatch notices that somebody sets the clock, which on a box only the
// program does that asks time servers.
type clockWatch struct{ f *os.File }

// watchClock begins to watch. What init sets itself is to be set before.
func watchClock() (*clockWatch, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watching the clock: %w", err)
	}
	// The time is of no account: it is never reached, and only a clock that is
	// set ends the wait (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
	far := unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 40}}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("watching the clock: %w", err), unix.Close(fd))
	}
	return &clockWatch{os.NewFile(uintptr(fd), "clock")}, nil
}

// wait returns nil once the clock was set. It takes a thread of the kernel until then.
func (w *clockWatch) wait() error {
	defer func() { _ = w.f.Close() }()
	var ticks [8]byte
	for {
		_, err := unix.Read(int(w.f.Fd()), ticks[:])
		switch {
		case errors.Is(err, unix.ECANCELED):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("watching the clock: %w", err)
		}
		return errors.New("watching the clock: the end of time has come")
	}
}
