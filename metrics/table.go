package metrics

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// WriteTable writes METRICS.md: all metrics, with what a box with so many partners has.
func WriteTable(w io.Writer, partners int) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# The metrics of a box

Made from the catalogue in catalogue.go by `+"`go test ./metrics -update`"+`. Units are Prometheus' base units. A
figure that a machine does not have is absent. The last column is how many time series there are at most;
`+"`×p`"+` is for each partner. A box with %d partners has at most %d series, whether it keeps ten feeds or ten
thousand: neither feeds nor peers nor keys are told apart. Partners beyond %d are counted together as "other".

The gateway `+"`coboxctl fleet`"+` adds `+"`cobox_fleet_up`"+` and `+"`cobox_fleet_last_seen_timestamp_seconds`"+` for each box.
Every scrape configuration gives each box the label `+"`box`"+`, its tag: rules and dashboards tell boxes apart by it.

| metric | type | labels | meaning | series |
|---|---|---|---|---|
`, partners, MaxSeries(partners), MaxPartners)
	for _, f := range catalogue() {
		kind, count := "gauge", fmt.Sprint(f.series)
		if f.kind == counter {
			kind = "counter"
		}
		if f.byPartner() {
			count += "×p"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.name, kind, cmp.Or(strings.Join(f.labels, ", "), "–"), f.help, count)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the table of metrics: %w", err)
	}
	return nil
}
