// Package rules holds Prometheus' recording and alert rules for boxes, as the files
// that Prometheus reads, and their unit tests for promtool. What to do at each alert
// is in metrics/RUNBOOK.md, under a heading of the alert's name.
//
// The rules tell boxes apart by the label "box", and take them from the scrape job
// "cobox": see the scrape configuration that coboxctl prometheus prints.
package rules

import "embed"

// Files are recording.yml and alerts.yml, to be written where Prometheus looks.
//
//go:embed recording.yml alerts.yml
var Files embed.FS
