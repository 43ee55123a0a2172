package rules_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/metrics"
	"cobox/metrics/metricstest"
	"cobox/metrics/rules"
)

// The shape of the files is checked by promtool (make e2e-metrics); here,
// that they fit the exporter, the runbook and their unit tests.

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := rules.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func captures(text, pattern string) []string {
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// known returns the names that a rule may use: what exporter and gateway show, and what
// the recording rules make of it.
func known(t *testing.T) []string {
	t.Helper()
	var page strings.Builder
	box := metricstest.Full(time.Unix(1e9, 0), 1, 1)
	if err := metrics.WriteFleet(&page, true, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if err := metrics.New(func() metrics.Snapshot { return box }).WriteText(&page); err != nil {
		t.Fatal(err)
	}
	return append(captures(page.String(), `# TYPE (\S+)`), captures(read(t, "recording.yml"), `record: (\S+)`)...)
}

func TestNames(t *testing.T) {
	names := known(t)
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		text := regexp.MustCompile(`(?m)^\s*(runbook|summary|description|#|- name).*$`).ReplaceAllString(read(t, name), "")
		used := captures(text, `\b([a-z_]+:cobox[a-z0-9_]+:[a-z0-9_]+|(?:^|[^:a-z_])cobox_[a-z0-9_]+)`)
		if len(used) < 9 {
			t.Errorf("%s uses %d metrics", name, len(used))
		}
		for _, metric := range used {
			if metric = strings.TrimLeft(metric, " (-"); !slices.Contains(names, metric) {
				t.Errorf("%s uses %s, which neither the exporter nor a recording rule has", name, metric)
			}
		}
	}
}

func TestEveryAlert(t *testing.T) {
	alerts := captures(read(t, "alerts.yml"), `(?m)- alert: (\S+)$`)
	if len(alerts) < 20 {
		t.Fatalf("found %d alerts", len(alerts))
	}
	runbook, tests := file(t, "../RUNBOOK.md"), file(t, "rules_test.yml")
	headings := captures(runbook, `(?m)^## (CoBox\S+)$`)
	for _, alert := range alerts {
		if !slices.Contains(headings, alert) {
			t.Errorf("RUNBOOK.md has no heading for %s", alert)
		}
		if !strings.Contains(read(t, "alerts.yml"), "runbook: metrics/RUNBOOK.md#"+strings.ToLower(alert)+"\n") {
			t.Errorf("%s does not name its part of the runbook", alert)
		}
		stories := strings.Count(tests, `ALERTS{alertname="`+alert+`",alertstate="firing"}`)
		if fires := strings.Count(tests, `'ALERTS{alertname="`+alert+`"`); fires == 0 || stories < fires+1 && alert != "CoBoxWatchdog" {
			t.Errorf("rules_test.yml does not show %s firing and not firing", alert)
		}
	}
	for _, heading := range headings {
		if !slices.Contains(alerts, heading) {
			t.Errorf("RUNBOOK.md has a heading for %s, which is no alert", heading)
		}
	}
	for _, link := range captures(runbook, `\]\(#(\w+)\)`) {
		if !slices.ContainsFunc(headings, func(h string) bool { return strings.ToLower(h) == link }) {
			t.Errorf("RUNBOOK.md links to #%s, which it does not have", link)
		}
	}
	for _, part := range []string{"severity: ", "summary: ", "description: "} {
		if n := strings.Count(read(t, "alerts.yml"), part); n != len(alerts) {
			t.Errorf("alerts.yml has %q %d times for %d alerts", part, n, len(alerts))
		}
	}
	severities := captures(read(t, "alerts.yml"), `severity: (\S+)`)
	for _, s := range severities {
		if !slices.Contains([]string{"critical", "warning", "info", "watchdog"}, s) {
			t.Errorf("alerts.yml has a severity %s", s)
		}
	}
}

func TestEveryRecordingRule(t *testing.T) {
	tests := file(t, "rules_test.yml")
	for _, name := range captures(read(t, "recording.yml"), `record: (\S+)`) {
		if !strings.Contains(tests, name) {
			t.Errorf("rules_test.yml does not test %s", name)
		}
	}
}
