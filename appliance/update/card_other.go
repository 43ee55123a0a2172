//go:build !linux

package update

import "time"

// Open returns the slots of the box that this program runs on: there are none.
func Open() (Card, error) { return nil, ErrNoSlots }

var began = time.Now()

// Uptime returns the time since the program was started.
func Uptime() time.Duration { return time.Since(began) }
