package monitor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"cobox/metrics"
	"cobox/seeder/api"
	"cobox/seeder/feed"
)

// The most that watching a box may cost it.
const (
	mostMemory = 8 << 20 // bytes that its programs have more in RAM
	mostCPU    = 0.005   // of one processor, at a scrape each 15 s
)

// used is what the box's programs use.
type used struct {
	cpu      time.Duration
	resident uint64
}

func (s *scene) used() (sum used) {
	s.t.Helper()
	for _, p := range []*process{s.provisiond, s.seederd} {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			s.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest)
		for _, ticks := range []string{f[11], f[12]} { // utime and stime, hundredths of a second
			n, err := strconv.ParseUint(ticks, 10, 63)
			if err != nil {
				s.t.Fatal(err)
			}
			sum.cpu += time.Duration(n) * 10 * time.Millisecond
		}
		pages, err := strconv.ParseUint(f[21], 10, 63)
		if err != nil {
			s.t.Fatal(err)
		}
		sum.resident += pages * uint64(os.Getpagesize())
	}
	return sum
}

// pause lets time go by, over which something is measured.
func (s *scene) pause(d time.Duration) {
	select {
	case <-s.t.Context().Done():
	case <-time.After(d):
	}
}

// TestCost measures what scraping costs a box, an empty one, and one with 10 partners
// and 10,000 feeds; and counts the series of the full one.
func TestCost(t *testing.T) {
	s := newScene(t)
	token, target := s.scrapeTarget()
	scrapes := func(n int) (page string) {
		for range n {
			page = s.fetch("http://"+target+"/metrics", token)
			s.pause(1100 * time.Millisecond) // who asks within a second is given the same look
		}
		return page
	}
	measure := func(what string) (page string) {
		t.Helper()
		const n = 30
		idle := s.used()
		s.pause(n * 1100 * time.Millisecond)
		before := s.used()
		page = scrapes(n)
		after := s.used()
		// What the box does beside it, in the same time, is taken off.
		cpu := (after.cpu - before.cpu) - (before.cpu - idle.cpu)
		each := cpu / n
		share := each.Seconds() / 15
		more := int64(after.resident) - int64(before.resident)
		t.Logf("%s: %v of processor time for a scrape, %.3f %% at one each 15 s; %.1f MB, %+.1f MB by scraping; a page of %d KB",
			what, each, share*100, float64(after.resident)/1e6, float64(more)/1e6, len(page)>>10)
		if share > mostCPU {
			t.Errorf("%s: scraping takes %.2f %% of a processor, more than %.1f %%", what, share*100, mostCPU*100)
		}
		if more > mostMemory {
			t.Errorf("%s: scraping takes %d bytes more, over %d", what, more, mostMemory)
		}
		return page
	}
	measure("an empty box")

	const partners, feeds = 10, 1000
	for i := range byte(partners) {
		p := s.newPartner(20+i, "-quota", "1GB")
		p.connect()
		for j := range feeds {
			k := feed.Key{i, byte(j), byte(j >> 8), 1}
			if _, err := p.box.Pin(t.Context(), k, api.PinRequest{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := measure("a box with 10 partners and 10,000 feeds")
	promtool(t, page, "check", "metrics")
	series := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	t.Logf("%d series, at most %d", series, metrics.MaxSeries(partners))
	if series > metrics.MaxSeries(partners) {
		t.Errorf("%d series, more than %d", series, metrics.MaxSeries(partners))
	}
	for _, want := range []string{fmt.Sprintf("cobox_store_feeds %d\n", partners*feeds), "cobox_partners 10\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}
