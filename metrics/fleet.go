package metrics

import (
	"fmt"
	"io"
	"time"
)

// WriteFleet writes what a gateway knows of a box that it asks on Prometheus' behalf:
// whether the box answered just now, and when it last did (left out when zero). Behind
// a gateway Prometheus' own "up" tells of the gateway alone. When the box answered,
// its own page (see [Exporter.WriteText]) follows; when it did not, this is the whole
// page.
func WriteFleet(w io.Writer, up bool, lastSeen time.Time) error {
	value := 0
	if up {
		value = 1
	}
	text := fmt.Sprintf("# HELP cobox_fleet_up 1 when the box answered the gateway that was scraped for it.\n"+
		"# TYPE cobox_fleet_up gauge\ncobox_fleet_up %d\n", value)
	if !lastSeen.IsZero() {
		text += fmt.Sprintf("# HELP cobox_fleet_last_seen_timestamp_seconds When the box last answered the gateway.\n"+
			"# TYPE cobox_fleet_last_seen_timestamp_seconds gauge\ncobox_fleet_last_seen_timestamp_seconds %d\n", lastSeen.Unix())
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing the gateway's metrics: %w", err)
	}
	return nil
}
