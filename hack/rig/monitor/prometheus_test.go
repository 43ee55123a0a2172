package monitor

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"cobox/metrics/rules"
)

// shorten makes the alerts quick: what waits for hours waits for seconds. Bounds of
// what is measured (degrees, parts of a disk, offsets) stay as they are.
func shorten(text string) string {
	for _, r := range []struct{ old, new string }{
		{`for: \d+[mhd]`, "for: 0s"},
		{`\[(5m|15m|1h|6h|1d)\]`, "[30s]"},
		{`cobox_feeds_behind_seconds\) > 86400`, "cobox_feeds_behind_seconds) > 3"},
		{`> 60 \* 86400`, "> 3"},
	} {
		text = regexp.MustCompile(r.old).ReplaceAllString(text, r.new)
	}
	return text
}

// writeRules writes the rules, changed by change.
func (s *scene) writeRules(change func(string) string) {
	s.t.Helper()
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		b, err := rules.Files.ReadFile(name)
		if err == nil {
			err = os.WriteFile(s.path(name), []byte(change(string(b))), 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// watch starts Prometheus with the scrape configuration that coboxctl prints, and
// Alertmanager.
func (s *scene) watch() {
	s.t.Helper()
	s.prometheusPort, s.alertPort = freePort(s.t), freePort(s.t)
	s.writeRules(shorten)
	s.configure(s.coboxctl("", "prometheus", "-addr", s.addr))
	err := os.WriteFile(s.path("alertmanager.yml"), []byte("route: {receiver: nobody, group_wait: 0s}\nreceivers: [{name: nobody}]\n"), 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.alertmanager = s.start("prometheus-alertmanager", "--config.file="+s.path("alertmanager.yml"), "--storage.path="+s.path("alerts"),
		fmt.Sprint("--web.listen-address=127.0.0.1:", s.alertPort), "--cluster.listen-address=")
	s.startPrometheus()
}

// configure writes Prometheus' configuration around scrape jobs.
func (s *scene) configure(jobs string) {
	s.t.Helper()
	text := strings.ReplaceAll(jobs, "scrape_interval: 15s", "scrape_interval: 1s") + fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [recording.yml, alerts.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:%d']}]}]}
`, s.alertPort)
	if err := os.WriteFile(s.path("prometheus.yml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) startPrometheus() {
	s.t.Helper()
	s.prometheus = s.start("prometheus", "--config.file="+s.path("prometheus.yml"), "--storage.tsdb.path="+s.path("tsdb"),
		fmt.Sprint("--web.listen-address=127.0.0.1:", s.prometheusPort), "--rules.alert.resend-delay=1s", "--query.lookback-delta=5s")
}

// reload has Prometheus read its configuration again.
func (s *scene) reload() { _ = s.prometheus.cmd.Process.Signal(syscall.SIGHUP) }

// A sample is one element of a query's answer.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query asks Prometheus.
func (s *scene) query(expr string) ([]sample, error) {
	body, err := s.read(fmt.Sprintf("http://127.0.0.1:%d/api/v1/query?query=%s", s.prometheusPort, url.QueryEscape(expr)))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return nil, err
	}
	if answer.Data.ResultType != "vector" {
		return nil, fmt.Errorf("%s is a %s, not a vector", expr, answer.Data.ResultType)
	}
	var list []sample
	return list, json.Unmarshal(answer.Data.Result, &list)
}

// firing returns the alerts that Alertmanager has now, by name.
func (s *scene) firing() (map[string]bool, error) {
	body, err := s.read(fmt.Sprintf("http://127.0.0.1:%d/api/v2/alerts?active=true", s.alertPort))
	if err != nil {
		return nil, err
	}
	var list []struct{ Labels map[string]string }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, a := range list {
		names[a.Labels["alertname"]] = true
	}
	return names, nil
}

// expect waits until Alertmanager has an alert.
func (s *scene) expect(alerts ...string) {
	s.t.Helper()
	for _, alert := range alerts {
		s.eventually(alert+" reaches Alertmanager", time.Minute, func() error {
			names, err := s.firing()
			if err == nil && !names[alert] {
				err = fmt.Errorf("it has %v", names)
			}
			return err
		})
		s.caused[alert] = true
	}
}

// over waits until Alertmanager has an alert no more.
func (s *scene) over(alerts ...string) {
	s.t.Helper()
	for _, alert := range alerts {
		s.eventually(alert+" ends", time.Minute, func() error {
			names, err := s.firing()
			if err == nil && names[alert] {
				err = fmt.Errorf("it fires still")
			}
			return err
		})
	}
}

// promtool checks what is on its standard input, or in files.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || len(stdin) > 0 && len(out) > 0 {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// The rules are well formed, and their unit tests hold: for every alert one that
// makes it fire, and one that does not.
func TestRules(t *testing.T) {
	needAsked(t)
	dir, err := filepath.Abs("../../../metrics/rules")
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", filepath.Join(dir, "recording.yml"), filepath.Join(dir, "alerts.yml"))
	promtool(t, "", "test", "rules", filepath.Join(dir, "rules_test.yml"))
}
