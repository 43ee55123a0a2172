package page

import (
	"math"
	"sync"
	"time"
)

// A day's figures are kept in steps of five minutes: 288 of them, 5 KB.
const (
	Step  = 5 * time.Minute
	Steps = int(24 * time.Hour / Step)
)

// A Sample is what is measured at one time; nil is for what nobody knows.
type Sample struct {
	Received, Sent *uint64  // bytes of blocks, counted since any time
	Used           *float64 // of the data disk, 0 to 1
	Celsius        *float64 // of the hottest thermometer
}

// A Point is what one step was like; NaN is for what nobody knows.
type Point struct {
	Received, Sent float64 // bytes a second
	Used           float64 // of the data disk, 0 to 1
	Celsius        float64 // the highest
}

func unknownPoint() Point { return Point{math.NaN(), math.NaN(), math.NaN(), math.NaN()} }

// A History is the last day in memory. It is lost at a restart, and costs the box's
// card nothing. Its zero value is empty; it is safe for concurrent use.
type History struct {
	mu     sync.Mutex
	ring   [Steps]tally // mu; that of step n is at n modulo Steps
	now    int64        // mu; the newest step, counted from 1 since any time; 0 before the first sample
	last   Sample       // mu
	lastAt time.Duration
}

// A tally is a step that goes on.
type tally struct {
	received, sent       float64 // bytes
	receivedIn, sentIn   float64 // seconds, over which these were counted
	used, celsius        float64
	knowsUsed, knowsHeat bool
}

// Add adds a sample. Its time is counted from any fixed one by a clock that never
// goes back, such as the machine's uptime: a box's calendar may jump by years. A
// sample that is older than the newest is dropped.
func (h *History) Add(at time.Duration, s Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := int64(at/Step) + 1
	first := h.now == 0
	if at < 0 || !first && at < h.lastAt {
		return
	}
	for i := max(h.now+1, n-int64(Steps)+1); i <= n; i++ {
		h.ring[i%int64(Steps)] = tally{}
	}
	t := &h.ring[n%int64(Steps)]
	if passed := (at - h.lastAt).Seconds(); !first && passed > 0 && passed <= (2*Step).Seconds() {
		count(&t.received, &t.receivedIn, h.last.Received, s.Received, passed)
		count(&t.sent, &t.sentIn, h.last.Sent, s.Sent, passed)
	}
	if s.Used != nil {
		t.used, t.knowsUsed = *s.Used, true
	}
	if s.Celsius != nil && (!t.knowsHeat || *s.Celsius > t.celsius) {
		t.celsius, t.knowsHeat = *s.Celsius, true
	}
	h.now, h.last, h.lastAt = n, s, at
}

// count adds what a counter went on by. A counter that fell was begun anew.
func count(sum, seconds *float64, before, after *uint64, passed float64) {
	if before == nil || after == nil {
		return
	}
	more := *after
	if *after >= *before {
		more = *after - *before
	}
	*sum += float64(more)
	*seconds += passed
}

// Day returns [Steps] points, the oldest first. The last is the step that goes on.
func (h *History) Day() []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	day := make([]Point, Steps)
	for i := range day {
		day[i] = unknownPoint()
		n := h.now - int64(Steps) + 1 + int64(i)
		if n < 1 || h.now == 0 {
			continue
		}
		t := &h.ring[n%int64(Steps)]
		if t.receivedIn > 0 {
			day[i].Received = t.received / t.receivedIn
		}
		if t.sentIn > 0 {
			day[i].Sent = t.sent / t.sentIn
		}
		if t.knowsUsed {
			day[i].Used = t.used
		}
		if t.knowsHeat {
			day[i].Celsius = t.celsius
		}
	}
	return day
}
