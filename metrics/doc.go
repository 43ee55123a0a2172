// Package metrics tells Prometheus how a box is. It is the only package of ours
// that knows Prometheus: all others keep plain counts, which a box's program puts
// together as one [Snapshot].
//
// An [Exporter] turns the snapshot of the moment into a page of metrics, at each
// scrape anew: it keeps no counts itself, and starts nothing. The metrics are listed
// in METRICS.md. Their labels come from fixed small sets; a partner is a number
// (p1, p2), and nothing that names a feed, a peer, a key or a person is on the page.
// However much a box keeps, it has at most [MaxSeries] time series.
//
// Beside it: rules (recording and alert rules), RUNBOOK.md (what to do at each
// alert), grafana (dashboards). They all tell boxes apart by the label "box", which
// the scrape configuration gives (the box's tag): a box does not know what its
// operator calls it.
package metrics
