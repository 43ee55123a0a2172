package page_test

import (
	"math"
	"testing"
	"time"

	"cobox/appliance/page"
)

// last returns the newest n points of a day.
func last(h *page.History, n int) []page.Point {
	day := h.Day()
	return day[len(day)-n:]
}

func same(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
}

func TestHistory(t *testing.T) {
	var h page.History
	for _, p := range h.Day() {
		if !math.IsNaN(p.Received) || !math.IsNaN(p.Celsius) {
			t.Fatalf("an empty day has %+v", p)
		}
	}
	at := 1000 * time.Hour // a box that has been on for long
	add := func(passed time.Duration, received uint64, celsius float64) {
		at += passed
		h.Add(at, page.Sample{Received: &received, Celsius: &celsius})
	}
	add(0, 500, 40)
	if p := last(&h, 1)[0]; !math.IsNaN(p.Received) || p.Celsius != 40 || !math.IsNaN(p.Used) {
		t.Errorf("after one sample: %+v", p)
	}
	add(time.Minute, 500+60*7, 45)
	add(time.Minute, 500+60*7+60*9, 42)
	if p := last(&h, 1)[0]; !same(p.Received, 8) || p.Celsius != 45 {
		t.Errorf("%+v, want 8 B/s and the highest temperature", p)
	}
	add(3*time.Minute, 300, 30) // the seeder was started anew, and has 300 since
	if p := last(&h, 2); !same(p[1].Received, 300.0/180) || p[0].Celsius != 45 || p[1].Celsius != 30 {
		t.Errorf("after a restart: %+v", p)
	}
	add(4*page.Step, 9e9, 31) // nobody measured for 20 minutes
	if p := last(&h, 5); !math.IsNaN(p[4].Received) || !math.IsNaN(p[3].Celsius) || p[4].Celsius != 31 || p[0].Celsius != 30 {
		t.Errorf("after a gap: %+v", p)
	}
	h.Add(at-time.Hour, page.Sample{Celsius: new(float64)})
	h.Add(-1, page.Sample{Celsius: new(float64)})
	if p := last(&h, 1)[0]; p.Celsius != 31 {
		t.Errorf("an old sample counts: %+v", p)
	}
	add(25*time.Hour, 0, 50)
	for i, p := range h.Day() {
		if known := i == page.Steps-1; math.IsNaN(p.Celsius) == known {
			t.Errorf("step %d after more than a day: %+v", i, p)
		}
	}
}

// All of a day is there, in order, wherever in the ring it begins.
func TestHistoryWraps(t *testing.T) {
	for _, begin := range []int{0, 1, 17, page.Steps - 1, page.Steps, 3*page.Steps + 5} {
		var h page.History
		for i := range 2 * page.Steps {
			celsius := float64(i)
			h.Add(time.Duration(begin+i)*page.Step, page.Sample{Celsius: &celsius})
		}
		for i, p := range h.Day() {
			if p.Celsius != float64(page.Steps+i) {
				t.Fatalf("begun at %d: step %d is %v", begin, i, p.Celsius)
			}
		}
	}
}
