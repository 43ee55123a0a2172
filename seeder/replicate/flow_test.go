package replicate

import (
	"testing"
	"time"
)

// A link is simulated: answers come at its rate, each at least its round trip
// after its request. The window must come to hold what the link holds, within
// its bounds, so that the far end always has requests to answer.
func TestFlowFillsTheLink(t *testing.T) {
	const block = 64 << 10
	rows := []struct {
		name string
		rate float64 // bytes a second
		rtt  time.Duration
	}{
		{"a slow line", 2.5e6, 30 * time.Millisecond},
		{"100 Mbit/s far away", 12.5e6, 200 * time.Millisecond},
		{"1 Gbit/s near by", 117e6, time.Millisecond},
		{"1 Gbit/s, 50 ms", 117e6, 50 * time.Millisecond},
	}
	for _, row := range rows {
		var f flow
		now := time.Unix(1, 0)
		var sent []time.Time
		free := now // when the link is free for the next answer
		var answered int
		end := now.Add(10 * time.Second)
		for now.Before(end) {
			for f.room(block) {
				f.sent(block)
				sent = append(sent, now)
			}
			q := sent[0]
			sent = sent[1:]
			arrives := q.Add(row.rtt)
			if free.After(arrives) {
				arrives = free
			}
			free = arrives.Add(time.Duration(block / row.rate * float64(time.Second)))
			now = free
			f.released(block)
			f.answered(block, now.Sub(q), now)
			answered += block
		}
		link := row.rate * row.rtt.Seconds()
		if w := float64(f.window()); w < min(link, maxWindow) {
			t.Errorf("%s: window of %.0f bytes, the link holds %.0f", row.name, w, link)
		}
		if used := float64(answered) / 10 / row.rate; used < 0.8 {
			t.Errorf("%s: %.2f of the link used", row.name, used)
		}
	}
}

// Large blocks do not starve a link, and small ones do not grow without end.
func TestFlowBounds(t *testing.T) {
	var f flow
	n := 0
	for f.room(15 << 20) {
		f.sent(15 << 20)
		n++
	}
	if n != minRequests {
		t.Errorf("%d requests for blocks of 15 MiB, want %d", n, minRequests)
	}
	f = flow{}
	for n = 0; f.room(1); n++ {
		f.sent(1)
	}
	if n != maxRequests {
		t.Errorf("%d requests for blocks of 1 byte, want %d", n, maxRequests)
	}
}
