package page_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/page"
	"cobox/appliance/sensors"
	"cobox/metrics"
	"cobox/metrics/metricstest"
	"cobox/seeder/api"
)

var (
	withBrowser = flag.Bool("page", false, "run the tests; needs Chromium, Node and the npm packages (make e2e-page)")
	chromium    = flag.String("chromium", "chromium", "the `program` of the browser")
	pictures    = flag.String("pictures", "../../dist/page", "`folder` for the photographs")
	deadline    = flag.Duration("deadline", 10*time.Minute, "the `time` that a test may take; all take seconds when nothing else runs")
)

func begin(t *testing.T) context.Context {
	t.Helper()
	if !*withBrowser {
		t.Skip("needs Chromium and Node 20: make e2e-page")
	}
	ctx, cancel := context.WithTimeout(t.Context(), *deadline)
	t.Cleanup(cancel)
	return ctx
}

// A visit is a look at a page.
type visit struct {
	URL      string `json:"url"`
	Picture  string `json:"picture"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Dark     bool   `json:"dark"`
	Language string `json:"language"`
}

// A sight is what was seen at a visit.
type sight struct {
	Code                                              int
	Title, Language, Ground, Error, Body              string
	Wider, Small, Passes                              int
	Stops, Troubles, Requests, Violations, Incomplete []string
}

// look makes visits with one browser. Names are where names lead, as Chromium's
// host resolver rules.
func look(ctx context.Context, t *testing.T, names string, visits ...visit) []sight {
	t.Helper()
	path, err := exec.LookPath(*chromium)
	if err != nil {
		t.Fatal(err)
	}
	call, err := json.Marshal(map[string]any{"chromium": path, "profile": t.TempDir(), "names": names, "visits": visits})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "node", "browser.mjs", string(call))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var sights []sight
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var s sight
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("the browser's %q: %v", lines.Text(), err)
		}
		if s.Error != "" {
			t.Fatal(s.Error)
		}
		sights = append(sights, s)
	}
	if err != nil || len(sights) != len(visits) {
		t.Fatalf("%d of %d visits: %v", len(sights), len(visits), err)
	}
	return sights
}

// good checks that a page is one to be proud of, as far as a machine can tell.
func (s sight) good(t *testing.T, v visit) {
	t.Helper()
	name := filepath.Base(v.Picture)
	if s.Code != 200 || s.Language != v.Language {
		t.Errorf("%s: %d, in %q", name, s.Code, s.Language)
	}
	if len(s.Troubles) > 0 {
		t.Errorf("%s: the browser complains: %q", name, s.Troubles)
	}
	if len(s.Requests) != 1 {
		t.Errorf("%s: the page asks for more: %q", name, s.Requests)
	}
	if len(s.Violations) > 0 || s.Passes < 15 {
		t.Errorf("%s: axe finds %s (%d checks passed)", name, strings.Join(s.Violations, "\n"), s.Passes)
	}
	if len(s.Incomplete) > 0 {
		t.Errorf("%s: axe is not sure of %s", name, strings.Join(s.Incomplete, "\n"))
	}
	if s.Wider > 0 || s.Small > 0 {
		t.Errorf("%s: %d pixels too wide, %d elements with small letters", name, s.Wider, s.Small)
	}
	if (s.Ground == "rgb(20, 23, 27)") != v.Dark {
		t.Errorf("%s: ground %s with dark %v", name, s.Ground, v.Dark)
	}
	if len(s.Stops) != 4 || !strings.HasSuffix(s.Stops[0], " solid") || !strings.HasSuffix(s.Stops[1], " solid") {
		t.Errorf("%s: the keyboard reaches %q", name, s.Stops)
	}
}

func pointer[T any](v T) *T { return &v }

// day is a made-up one: warm at noon, a backup in the evening, a restart in the night.
func day() []page.Point {
	var h page.History
	var received, sent uint64
	for i := range page.Steps {
		hour := float64(i) / 12
		received += uint64(2e5 * (1 + math.Sin(hour*5)) * 300)
		sent += uint64(6e4 * (1 + math.Cos(hour*3)) * 300)
		if hour > 18 && hour < 20.5 {
			received += uint64(3.4e6 * (1 + 0.15*math.Sin(hour*40)) * 300)
		}
		if hour > 6 && hour < 6.6 {
			continue // off
		}
		h.Add(time.Duration(i)*page.Step, page.Sample{
			Received: pointer(received), Sent: pointer(sent), Used: pointer(0.42 + float64(received)/1e12),
			Celsius: pointer(47 + 5*math.Sin(hour/4) + 0.7*math.Sin(hour*20)),
		})
	}
	return h.Day()
}

// shown are the boxes that are photographed.
func shown() map[string]page.Facts {
	now := time.Now()
	box := func(change func(*metrics.Snapshot)) page.Facts {
		s := metricstest.Box(now, 7, 4321)
		change(&s)
		report := health.Examine(s.Facts())
		earlier := report
		earlier.Checks = nil
		for _, c := range report.Checks {
			c.Since = now.Add(-3 * time.Hour)
			earlier.Checks = append(earlier.Checks, c)
		}
		return page.Facts{
			Host: "cobox-7k3f9q", Tag: "7K3F9Q", Version: "1.4.0", Uptime: 76 * time.Hour, Owner: page.Paired,
			Addrs: []string{"192.168.1.7", "[fd12:3456::7]"}, Health: report.After(earlier), Day: day(),
		}
	}
	unpaired := box(func(s *metrics.Snapshot) {
		s.Operator.Paired, s.Operators, s.Partners, s.Seeder.Pins = false, 0, nil, nil
	})
	unpaired.Owner, unpaired.Window, unpaired.Uptime, unpaired.Day = page.Unpaired, 42*time.Minute, 18*time.Minute, (&page.History{}).Day()
	closed := unpaired
	closed.Window, closed.Uptime = 0, 3*time.Hour
	return map[string]page.Facts{
		"healthy":  box(func(*metrics.Snapshot) {}),
		"unpaired": unpaired,
		"closed":   closed,
		"warning":  box(func(s *metrics.Snapshot) { s.Machine.Temperatures[0].Celsius = 78.4; s.Seeder.Reach = api.Relayed }),
		"failing": box(func(s *metrics.Snapshot) {
			s.Machine.Volumes[1] = sensors.Volume{Name: health.DataVolume}
			s.Machine.Power.UnderVoltage.Now = true
			s.Clock.Compared = now.Add(-72 * time.Hour)
			s.Operator.Seen = now.Add(-40 * 24 * time.Hour)
		}),
		"damaged": {Host: "cobox-7k3f9q", Owner: page.Damaged, Version: "1.4.0", Uptime: time.Hour},
		"long":    {Host: strings.Repeat("long-name-", 6) + "end", Owner: page.Retired, Version: "1.4.0-rc1+dirty.0123456789abcdef0123456789abcdef", Uptime: time.Hour},
	}
}

// TestPage looks at each story on a phone and at a desk, in light and dark.
func TestPage(t *testing.T) {
	ctx := begin(t)
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	var visits []visit
	for name, facts := range shown() {
		server := httptest.NewServer(page.New(func() page.Facts { return facts }))
		t.Cleanup(server.Close)
		for _, v := range []visit{
			{Width: 360, Height: 740, Language: "de"}, {Width: 360, Height: 740, Dark: true, Language: "en"},
			{Width: 1280, Height: 800, Language: "en"}, {Width: 1280, Height: 800, Dark: true, Language: "de"},
			{Width: 640, Height: 400, Language: "en"}, // a desk's, at 200 %
		} {
			if plain := v.Width == 1280 && !v.Dark || v.Width == 360 && !v.Dark; !plain && name != "healthy" && name != "failing" && name != "unpaired" {
				continue // the same style, with other words
			}
			v.URL = server.URL + "/"
			v.Picture = filepath.Join(*pictures, fmt.Sprintf("%s-%d-%s-%s.png", name, v.Width, map[bool]string{false: "light", true: "dark"}[v.Dark], v.Language))
			visits = append(visits, v)
		}
	}
	for i, s := range look(ctx, t, "", visits...) {
		s.good(t, visits[i])
	}
}

// TestRebinding: a name of elsewhere that was made to point at the box shows
// nothing of it in a browser; case 60 of the acceptance cases.
func TestRebinding(t *testing.T) {
	ctx := begin(t)
	server := httptest.NewServer(page.New(func() page.Facts { return shown()["healthy"] }))
	defer server.Close()
	url := strings.Replace(server.URL, "127.0.0.1", "evil.example", 1)
	s := look(ctx, t, "MAP evil.example 127.0.0.1", visit{URL: url, Width: 360, Height: 740, Language: "en"})[0]
	if s.Code != 421 || strings.Contains(strings.ToLower(s.Body), "7k3f9q") {
		t.Errorf("%d: %s", s.Code, s.Body)
	}
}
