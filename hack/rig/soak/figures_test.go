package soak

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// A figure is something that is looked at over time, and must not grow.
type figure struct {
	name  string
	unit  float64 // what it is divided by to be printed
	slack float64 // how much more than a quarter of itself it may have grown; in its unit
	seen  []float64
}

func (f *figure) add(v float64) { f.seen = append(f.seen, v/f.unit) }

// quarter returns one of the four parts of what was seen, 0 to 3, in order of size.
func (f *figure) quarter(n int) []float64 {
	l := len(f.seen)
	return slices.Sorted(slices.Values(f.seen[n*l/4 : (n+1)*l/4]))
}

func median(sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// enough is how often a figure must have been seen, so that its quarters say something.
const enough = 16

// verdict says how a figure has grown: "" for not, or when it was not seen often enough. The
// medians of the second and the last quarter are compared; a leak that matters over years
// shows in hours, and what fills up once does so in the first quarter.
func (f *figure) verdict() string {
	if len(f.seen) < enough {
		return ""
	}
	early, late := median(f.quarter(1)), median(f.quarter(3))
	if late > early*1.25+f.slack {
		return fmt.Sprintf("%s has grown from %.1f to %.1f", f.name, early, late)
	}
	return ""
}

// table returns the figures as a table, by quarters.
func table(figures []*figure) string {
	var b strings.Builder
	b.WriteString("| figure | 1st quarter | 2nd | 3rd | last | highest | verdict |\n|---|---|---|---|---|---|---|\n")
	for _, f := range figures {
		if len(f.seen) == 0 {
			continue
		}
		word := "steady"
		switch {
		case f.verdict() != "":
			word = "**grows**"
		case len(f.seen) < enough:
			word = "too short to say"
		}
		fmt.Fprintf(&b, "| %s |", f.name)
		for n := range 4 {
			fmt.Fprintf(&b, " %.1f |", median(f.quarter(n)))
		}
		fmt.Fprintf(&b, " %.1f | %s |\n", slices.Max(f.seen), word)
	}
	return b.String()
}

// ours looks at this process, which is all partners and mallory.
func ours() (goroutines, heap, files float64) {
	runtime.GC()
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		files = float64(len(fds))
	}
	return float64(runtime.NumGoroutine()), float64(s[0].Value.Uint64()), files
}

func TestVerdict(t *testing.T) {
	var steady, leaks, fills figure
	for _, f := range []*figure{&steady, &leaks, &fills} {
		f.unit, f.slack = 1, 5
	}
	for n := range 120 {
		steady.add(float64(100 + n*7%31))
		leaks.add(100 + float64(n)/1.5)
		fills.add(float64(min(n*10, 300) + n*7%31))
	}
	for _, f := range []*figure{&steady, &fills} {
		if v := f.verdict(); v != "" {
			t.Error(v)
		}
	}
	if leaks.verdict() == "" {
		t.Error("a leak is not found")
	}
	short := figure{unit: 1, seen: leaks.seen[:enough-1]}
	if short.verdict() != "" || !strings.Contains(table([]*figure{&short}), "too short") {
		t.Error("a short time has a verdict")
	}
}
