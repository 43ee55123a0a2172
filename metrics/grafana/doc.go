// Package grafana holds the dashboards for boxes: of a fleet, of one box, and of
// capacity and energy. They are written down here in Go, so that they look and are
// named alike, and stand beside as JSON files for Grafana's import
// (go test ./metrics/grafana -update writes these).
//
// A dashboard's UID never changes, so that links and an import over an older version
// work. Each has a variable for the Prometheus data source. They read the metrics of
// METRICS.md and the recording rules in metrics/rules.
package grafana

// Dashboards returns all dashboards. The caller owns them.
func Dashboards() []Dashboard {
	return []Dashboard{fleet(), box(), capacity()}
}
