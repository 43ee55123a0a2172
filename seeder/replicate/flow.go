package replicate

import "time"

// A flow decides how many bytes of blocks may be under way from one peer: twice
// what the link holds (rate times shortest round trip), so that the peer always
// has requests to answer while answers travel, within fixed bounds. It is the
// idea of BBR (Cardwell et al., 2016) without its phases: TCP and QUIC below us
// do the congestion control, this only sizes the queue of requests.
type flow struct {
	requests int // under way
	bytes    int // under way, as estimated when they were requested

	minRTT time.Duration // shortest time from request to answer
	rate   float64       // bytes a second, smoothed
	since  time.Time     // start of the current measurement
	got    int           // bytes since then
}

// measure is how long answers are counted before the rate is brought up to date.
const measure = 100 * time.Millisecond

// room reports whether another request of n bytes fits.
func (f *flow) room(n int) bool {
	if f.requests < minRequests {
		return true
	}
	return f.requests < maxRequests && f.bytes+n <= f.window()
}

func (f *flow) window() int {
	link := f.rate * f.minRTT.Seconds()
	return min(max(int(2*link)+minWindow, minWindow), maxWindow)
}

func (f *flow) sent(n int) {
	f.requests++
	f.bytes += n
}

// released takes a request off the books that was answered or given up.
func (f *flow) released(n int) {
	f.requests--
	f.bytes -= n
}

// answered brings the estimates up to date with an answer of n bytes, rtt after its request.
func (f *flow) answered(n int, rtt time.Duration, now time.Time) {
	if f.minRTT == 0 || rtt < f.minRTT {
		f.minRTT = rtt
	}
	if f.since.IsZero() {
		f.since = now
	}
	f.got += n
	passed := now.Sub(f.since)
	if passed < measure {
		return
	}
	rate := float64(f.got) / passed.Seconds()
	if f.rate == 0 {
		f.rate = rate
	}
	f.rate += (rate - f.rate) / 4
	f.since, f.got = now, 0
}
