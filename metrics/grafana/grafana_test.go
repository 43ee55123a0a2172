package grafana_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/metrics"
	"cobox/metrics/grafana"
	"cobox/metrics/metricstest"
	"cobox/metrics/rules"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the dashboards' files anew")

func TestFiles(t *testing.T) {
	var uids []string
	for _, d := range grafana.Dashboards() {
		uids = append(uids, d.UID)
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(d.File(), want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(d.File())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date: run go test ./metrics/grafana -update (-want +got):\n%s", d.File(), diff)
		}
		var back grafana.Dashboard
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s: %v", d.File(), err)
		}
	}
	// They are in people's bookmarks.
	if diff := cmp.Diff([]string{"cobox-fleet", "cobox-box", "cobox-capacity"}, uids); diff != "" {
		t.Errorf("UIDs (-want +got):\n%s", diff)
	}
}

func TestDataSource(t *testing.T) {
	for _, d := range grafana.Dashboards() {
		if v := d.Templating.List[0]; v.Name != "datasource" || v.Type != "datasource" || v.Query != "prometheus" {
			t.Errorf("%s: the first variable is %+v", d.UID, v)
		}
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			if p.Datasource == nil || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 || p.Title == "" {
				t.Errorf("%s: panel %q: %+v", d.UID, p.Title, p.Datasource)
			}
			for _, q := range p.Targets {
				if q.Datasource.UID != "${datasource}" || q.Instant == q.Range {
					t.Errorf("%s: panel %q, query %s: %+v", d.UID, p.Title, q.RefID, q)
				}
			}
		}
	}
}

// No two panels lie upon each other, or beside the page; each has its own number.
func TestGrid(t *testing.T) {
	for _, d := range grafana.Dashboards() {
		taken := map[[2]int]string{}
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: panel %q has the number %d of another", d.UID, p.Title, p.ID)
			}
			ids[p.ID] = true
			g := p.GridPos
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
						t.Fatalf("%s: panel %q lies on %q or beside the page", d.UID, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// Every query asks for metrics that exist. That Prometheus understands it and has an
// answer is tested against a real one: make e2e-metrics.
func TestQueries(t *testing.T) {
	var page strings.Builder
	snapshot := metricstest.Full(time.Unix(1e9, 0), 1, 1)
	if err := metrics.New(func() metrics.Snapshot { return snapshot }).WriteText(&page); err != nil {
		t.Fatal(err)
	}
	recording, err := rules.Files.ReadFile("recording.yml")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"up", "ALERTS"}
	for _, m := range regexp.MustCompile(`# TYPE (\S+)|record: (\S+)`).FindAllStringSubmatch(page.String()+string(recording), -1) {
		known = append(known, m[1]+m[2])
	}
	selector := regexp.MustCompile(`\{[^}]*\}`)
	name := regexp.MustCompile(`\b(?:[a-z_]+:)?(?:cobox_|ALERTS)[a-z0-9_]*(?::[a-z0-9_]+)?`)
	for _, d := range grafana.Dashboards() {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				used := name.FindAllString(selector.ReplaceAllString(q.Expr, ""), -1)
				if len(used) == 0 {
					t.Errorf("%s: panel %q asks for no metric: %s", d.UID, p.Title, q.Expr)
				}
				for _, metric := range used {
					if !slices.Contains(known, metric) {
						t.Errorf("%s: panel %q asks for %s, which does not exist", d.UID, p.Title, metric)
					}
				}
				if strings.Count(q.Expr, "(") != strings.Count(q.Expr, ")") || strings.Contains(q.Expr, "$box") && len(d.Templating.List) < 2 {
					t.Errorf("%s: panel %q: %s", d.UID, p.Title, q.Expr)
				}
				if d.UID == "cobox-box" && !strings.Contains(q.Expr, `box="$box"`) {
					t.Errorf("panel %q of one box shows all: %s", p.Title, q.Expr)
				}
			}
		}
	}
}

// The fleet's dashboard has a word of advice for every health check, and for no other.
func TestAdvice(t *testing.T) {
	b, err := os.ReadFile("cobox-fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	var d grafana.Dashboard
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range d.Panels {
		if p.Title != "What to do" {
			continue
		}
		for _, o := range p.FieldConfig.Overrides {
			if o.Matcher.Options != "check" {
				continue
			}
			for _, property := range o.Properties {
				if property.ID != "mappings" {
					continue
				}
				for word := range property.Value.([]any)[0].(map[string]any)["options"].(map[string]any) {
					got = append(got, word)
				}
			}
		}
	}
	var want []string
	for _, c := range health.Checks() {
		want = append(want, string(c))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks with advice (-want +got):\n%s", diff)
	}
}
