package metrics_test

import (
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/metrics"
	"cobox/metrics/metricstest"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/pin"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var update = flag.Bool("update", false, "write METRICS.md anew")

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// text returns the page that shows s.
func text(t testing.TB, s metrics.Snapshot) string {
	t.Helper()
	var b strings.Builder
	if err := metrics.New(func() metrics.Snapshot { return s }).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// parse reads a page as Prometheus would.
func parse(t testing.TB, page string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func series(families map[string]*dto.MetricFamily) int {
	n := 0
	for _, f := range families {
		n += len(f.Metric)
	}
	return n
}

// A box has no more series than it says, and says no more than it can have.
func TestSeries(t *testing.T) {
	for _, c := range []struct{ partners, feeds, want int }{
		{0, 0, 434},
		{10, 10_000, 594},
		{metrics.MaxPartners, 1_000_000, 1234},
		{metrics.MaxPartners + 1, 1_000_000, 1250},
		{4096, 1_000_000, 1250},
	} {
		got := series(parse(t, text(t, metricstest.Full(now, c.partners, c.feeds))))
		maximum := metrics.MaxSeries(c.partners)
		if c.partners > metrics.MaxPartners {
			maximum -= 2 // the others have neither a date nor a tolerance
		}
		if got != maximum || metrics.MaxSeries(c.partners) != c.want {
			t.Errorf("%d partners, %d feeds: %d series; MaxSeries() = %d, want %d", c.partners, c.feeds, got, metrics.MaxSeries(c.partners), c.want)
		}
	}
}

// Everything in the catalogue is shown by a box that has everything, by Prometheus'
// own rules of naming.
func TestLint(t *testing.T) {
	page := text(t, metricstest.Full(now, 10, 10_000))
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsPage(t *testing.T) {
	var b strings.Builder
	if err := metrics.WriteTable(&b, 10); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("METRICS.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile("METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(written)); diff != "" {
		t.Errorf("METRICS.md is out of date: run go test ./metrics -update (-want +got):\n%s", diff)
	}
	for name := range parse(t, text(t, metricstest.Full(now, 1, 1))) {
		if !strings.Contains(b.String(), "`"+name+"`") {
			t.Errorf("METRICS.md does not have %s", name)
		}
	}
}

// What nobody knows is not on the page, rather than zero.
func TestAbsent(t *testing.T) {
	families := parse(t, text(t, metrics.Snapshot{}))
	want := []string{
		"cobox_boot_info", "cobox_build_info", "cobox_operators", "cobox_paired", "cobox_partners", "cobox_update_state",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(families))); diff != "" {
		t.Errorf("metrics of an empty snapshot (-want +got):\n%s", diff)
	}
	s := metricstest.Box(now, 2, 2)
	s.Seeder = nil
	s.Machine.Disks[1].Smart = &sensors.Smart{At: now}
	page := text(t, s)
	if strings.Contains(page, "cobox_disk_failing") || strings.Contains(page, "cobox_disk_bad_sectors") || strings.Contains(page, "cobox_disk_temperature") {
		t.Error("what a disk does not say of itself is shown")
	}
	for _, name := range []string{"cobox_store_", "cobox_pins", "cobox_partner_used_bytes", "cobox_replication", "cobox_peers"} {
		if strings.Contains(page, name) {
			t.Errorf("without a seeder's figures there is %s", name)
		}
	}
	if !strings.Contains(page, `cobox_program_up{program="seederd"} 0`) || !strings.Contains(page, `cobox_partner_quota_bytes{partner="p2"} 1e+11`) {
		t.Errorf("without a seeder's figures:\n%s", page)
	}
}

// Each of these lines is on the page of a box to which something happened.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *metrics.Snapshot)
		want   []string
	}{
		{"nothing", func(*metrics.Snapshot) {}, []string{
			`cobox_build_info{goversion="go`, `cobox_boot_info{cause="power-on",slot="a"} 1`, `cobox_boot_time_seconds 1.7721072e+09`,
			`cobox_uptime_seconds 259200`, `cobox_cpu_seconds_total{mode="user"} 20000`, `cobox_clock_time_seconds 1.7723664e+09`,
			`cobox_pressure_stall_seconds_total{kind="full",resource="io"} 3`, `cobox_health{state="ok"} 1`,
			`cobox_health_check{check="disk",state="ok"} 1`, `cobox_health_check{check="disk",state="failed"} 0`,
			`cobox_pins{state="complete"} 20`, `cobox_partner_used_bytes{partner="p2"} 6e+10`, `cobox_peers{connection="relay"} 0`,
			`cobox_program_up{program="seederd"} 1`, `cobox_nat_state{state="public"} 1`, `cobox_reach_state{state="relayed"} 0`,
			`cobox_temperature_celsius{sensor="cpu-thermal"} 51.5`, `cobox_clock_offset_seconds 0.003`,
			// (2.7 W + 1 W for the disk) for three days, and 3.7 W for 7000 s
			`cobox_energy_estimated_joules_total 984940`,
		}},
		{"disk gone", func(s *metrics.Snapshot) { s.Machine.Volumes[1] = sensors.Volume{Name: "data"} }, []string{
			`cobox_volume_present{volume="data"} 0`, `cobox_health{state="failed"} 1`,
			`cobox_health_check{check="disk",state="failed"} 1`, `cobox_health_check{check="pins",state="blocked"} 1`,
		}},
		{"store closed", func(s *metrics.Snapshot) { s.Seeder.Store.Trouble = api.StoreDamaged }, []string{`cobox_store_open 0`}},
		{"seeder silent", func(s *metrics.Snapshot) { s.Seeder = nil }, []string{`cobox_program_up{program="seederd"} 0`}},
		{"worn", func(s *metrics.Snapshot) {
			s.Machine.Disks[0].Wear = new(float64)
			*s.Machine.Disks[0].Wear = 1.1
			s.Machine.Disks[0].Reserve = sensors.ReserveUrgent
		}, []string{`cobox_disk_wear_ratio{disk="mmcblk0"} 1.1`, `cobox_disk_reserve_used_ratio{disk="mmcblk0"} 0.9`}},
		{"smart", func(s *metrics.Snapshot) { *s.Machine.Disks[1].Smart.Failing = true }, []string{
			`cobox_disk_failing{disk="sda"} 1`, `cobox_disk_temperature_celsius{disk="sda"} 36`, `cobox_disk_power_on_seconds{disk="sda"} 3.24e+07`,
			`cobox_disk_spare_ratio{disk="sda"} 1`, `cobox_disk_media_errors{disk="sda"} 0`, `cobox_disk_bad_sectors{disk="sda",kind="reallocated"} 2`,
			`cobox_disk_bad_sectors{disk="sda",kind="pending"} 0`, `cobox_disk_smart_timestamp_seconds{disk="sda"} 1.77236616e+09`, `cobox_health{state="failed"} 1`,
		}},
		{"half worn", func(s *metrics.Snapshot) { s.Machine.Disks[0].Reserve = sensors.ReserveWarning }, []string{`cobox_disk_reserve_used_ratio{disk="mmcblk0"} 0.8`}},
		{"words from a newer seeder", func(s *metrics.Snapshot) {
			s.Seeder.NAT, s.Seeder.Reach = "sideways", "by pigeon"
			s.Seeder.Pins = map[pin.State]int{"resting": 4}
			s.Seeder.Peers = map[api.Connection]int{"pigeon": 3}
			s.Machine.Boot.Cause = "pigeon"
		}, []string{
			`cobox_nat_state{state="unknown"} 1`, `cobox_reach_state{state="unknown"} 1`, `cobox_pins{state="complete"} 0`,
			`cobox_boot_info{cause="unknown",slot="a"} 1`,
		}},
		{"its own power model", func(s *metrics.Snapshot) { s.Power = &metrics.PowerModel{IdleWatts: 10} }, []string{`cobox_energy_estimated_joules_total 2.592e+06`}},
		{"a name that is no text", func(s *metrics.Snapshot) { s.Version = "\xff" + strings.Repeat("9", 200) }, []string{
			`version="?` + strings.Repeat("9", 63) + `"`,
		}},
		{"a partner twice", func(s *metrics.Snapshot) { s.Partners[1].Number = 1 }, []string{`cobox_partners 1`}},
		{"a program twice", func(s *metrics.Snapshot) {
			s.Programs = append(s.Programs, s.Programs[0], sensors.Program(s.Seeder.Program))
		}, []string{`cobox_program_up{program="provisiond"} 1`}},
	} {
		s := metricstest.Box(now, 2, 20)
		c.change(&s)
		s.Health = health.Examine(s.Facts())
		page := text(t, s)
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no line with %s in\n%s", c.name, want, page)
			}
		}
		if strings.Contains(page, "pigeon") || strings.Contains(page, "resting") {
			t.Errorf("%s: somebody else's words became labels", c.name)
		}
	}
}

func TestOtherPartners(t *testing.T) {
	s := metricstest.Box(now, metrics.MaxPartners+3, 1000)
	s.Partners[metrics.MaxPartners+1].Pins = map[pin.State]int{pin.Frozen: 1}
	slices.Reverse(s.Partners)
	page := text(t, s)
	for _, want := range []string{
		`cobox_partners 53`, `cobox_partner_used_bytes{partner="p50"} 6e+10`, `cobox_partner_used_bytes{partner="other"} 1.8e+11`,
		`cobox_partner_pins{partner="other",state="frozen"} 1`, `cobox_partner_seen_timestamp_seconds{partner="other"} 1.7723661e+09`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no line with %s", want)
		}
	}
	if strings.Contains(page, `"p51"`) {
		t.Error("a partner beyond the bound has series of its own")
	}
}

func TestHTTP(t *testing.T) {
	s := metricstest.Box(now, 1, 1)
	server := httptest.NewServer(metrics.New(func() metrics.Snapshot { return s }))
	defer server.Close()
	for _, c := range []struct {
		method string
		status int
	}{{"GET", 200}, {"HEAD", 200}, {"POST", 405}, {"DELETE", 405}} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.status || c.method == "GET" && string(body) != text(t, s) {
			t.Errorf("%s: %s\n%s", c.method, resp.Status, body)
		}
	}
}

// A figure that cannot be is one missing page, and no panic.
func TestBadSnapshot(t *testing.T) {
	s := metricstest.Box(now, 1, 1)
	s.Machine.Disks = append(s.Machine.Disks, s.Machine.Disks[0])
	if err := metrics.New(func() metrics.Snapshot { return s }).WriteText(io.Discard); err == nil {
		t.Error("WriteText() of a disk that comes twice: no error")
	}
	s = metricstest.Box(now, 1, 1)
	s.Machine.Temperatures[0].Celsius = math.NaN()
	if page := text(t, s); !strings.Contains(page, "NaN") {
		t.Error("a temperature that is no number is not shown as such")
	}
}

func TestSeederJSON(t *testing.T) {
	want := *metricstest.Box(now, 1, 5).Seeder
	partner := identity.PartnerKeyOf(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	want.Partners = map[identity.PartnerKey]api.Keeping{partner: {UsedBytes: 3, Pins: map[pin.State]int{pin.Stalled: 1}, Seen: now}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got api.Figures
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a seeder's figures after JSON (-want +got):\n%s", diff)
	}
}

func TestFleet(t *testing.T) {
	for _, c := range []struct {
		up   bool
		seen time.Time
		want []string
	}{
		{false, time.Time{}, []string{"cobox_fleet_up 0"}},
		{true, now, []string{"cobox_fleet_up 1", "cobox_fleet_last_seen_timestamp_seconds 1772366400"}},
	} {
		var b strings.Builder
		if err := metrics.WriteFleet(&b, c.up, c.seen); err != nil {
			t.Fatal(err)
		}
		b.WriteString(text(t, metricstest.Box(now, 1, 1)))
		families := parse(t, b.String())
		for _, line := range c.want {
			if !strings.Contains(b.String(), "\n"+line+"\n") {
				t.Errorf("WriteFleet(%v, %v): no line %q", c.up, c.seen, line)
			}
		}
		if _, ok := families["cobox_fleet_last_seen_timestamp_seconds"]; ok == c.seen.IsZero() {
			t.Errorf("WriteFleet(%v, %v): last seen there: %v", c.up, c.seen, ok)
		}
	}
}

func TestFactsOfNothing(t *testing.T) {
	var s metrics.Snapshot
	if f := s.Facts(); f.Seeder != nil {
		t.Errorf("facts of a seeder that nobody asked: %+v", f.Seeder)
	}
	s.Asked = true
	if f := s.Facts(); f.Seeder == nil || f.Seeder.Answers {
		t.Errorf("facts of a seeder that did not answer: %+v", f.Seeder)
	}
	box := metricstest.Box(now, 3, 30)
	if r := health.Examine(box.Facts()); r.State != health.OK {
		t.Errorf("a box in good health: %+v", r.Trouble())
	}
}

func TestPowerModels(t *testing.T) {
	for board, idle := range map[string]float64{
		"Raspberry Pi 5 Model B Rev 1.0": 2.7, "Raspberry Pi 3 Model B Plus Rev 1.3": 1.9, "Raspberry Pi 3 Model B Rev 1.2": 1.4,
		"Raspberry Pi Zero 2 W Rev 1.0": 0.6, "Standard PC": 0, "": 0,
	} {
		m := metrics.PowerModelOf(board)
		if m == nil && idle != 0 || m != nil && m.IdleWatts != idle {
			t.Errorf("PowerModelOf(%q) = %+v, want %v W", board, m, idle)
		}
	}
	if _, ok := (metrics.PowerModel{IdleWatts: 1}).Joules(sensors.Reading{}); ok {
		t.Error("there is energy without a time")
	}
}

func ExampleExporter_WriteText() {
	box := metrics.Snapshot{Version: "1.0", Operators: 1}
	var page strings.Builder
	if err := metrics.New(func() metrics.Snapshot { return box }).WriteText(&page); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(page.String()) {
		if strings.HasPrefix(line, "cobox_operators") {
			fmt.Print(line)
		}
	}
	// Output: cobox_operators 1
}

func BenchmarkScrape(b *testing.B) {
	s := metricstest.Box(now, 10, 10_000)
	e := metrics.New(func() metrics.Snapshot { return s })
	b.ReportAllocs()
	for b.Loop() {
		if err := e.WriteText(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
