// Package monitor tests the monitoring of a box with Debian's Prometheus and
// Alertmanager, against the real programs: each alert is made to fire by causing it,
// and every query of the dashboards is asked. It needs root, for a disk of its own,
// and is asked for: go test ./hack/rig/monitor -monitor (make e2e-metrics).
//
// A Grafana server is not to be had as a Debian package or a Go module, so that none
// was seen by these tests: the dashboards' queries are asked of Prometheus itself,
// and their form is checked against the types that Grafana publishes (schema.mjs).
package monitor
