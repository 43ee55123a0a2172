package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A table has the figures of a job.
type table struct {
	job     job
	payload int64
	steps   map[string]map[string][]step // by what was done, and by system
	order   []string                     // of steps
	empty   uint64                       // bytes of the host that is measured, when it was new
}

// print writes medians, in a form that Markdown takes.
func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n\n", t.job.name)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(tw, "| step\t| system\t| s\t| spread\t| MB/s\t| ours takes\t| client CPU s/GB\t| host CPU s/GB\t| host peak MB\t| host anonymous MB\t| written/payload\t| disk/payload\t| wire/payload\t|")
	fmt.Fprintln(tw, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, what := range t.order {
		ours := median(t.steps[what]["cobox"], seconds)
		for _, name := range order {
			rows := t.steps[what][name]
			if len(rows) == 0 {
				continue
			}
			all := values(rows, seconds)
			took := median(rows, seconds)
			gb := float64(t.payload) / 1e9
			fmt.Fprintf(tw, "| %s\t| %s\t| %.2f\t| %.2f-%.2f\t| %.0f\t| x %.2f\t| %.2f\t| %.2f\t| %.0f\t| %s\t| %s\t| %.3f\t| %s\t|\n", what, name, took, all[0], all[len(all)-1],
				gb*1e3/took, ours/took,
				median(rows, func(s step) float64 { return s.client.CPU.Seconds() })/gb,
				median(rows, func(s step) float64 { return s.host.CPU.Seconds() })/gb,
				median(rows, func(s step) float64 { return float64(s.host.Peak) / 1e6 }),
				figure("%.0f", median(rows, func(s step) float64 { return float64(s.anonymous) / 1e6 })),
				figure("%.3f", median(rows, func(s step) float64 { return float64(s.host.Written) / 1e9 })/gb),
				median(rows, func(s step) float64 { return float64(s.disk) / 1e9 })/gb,
				figure("%.3f", median(rows, func(s step) float64 { return float64(s.wire) / 1e9 })/gb))
		}
	}
	_ = tw.Flush() // errors of the standard output show nowhere
}

// figure writes a figure that a system may not tell.
func figure(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func seconds(s step) float64 { return s.took.Seconds() }

func median(rows []step, of func(step) float64) float64 {
	if len(rows) == 0 {
		return 0
	}
	v := values(rows, of)
	return v[len(v)/2]
}

func values(rows []step, of func(step) float64) []float64 {
	v := make([]float64, len(rows))
	for i, r := range rows {
		v[i] = of(r)
	}
	slices.Sort(v)
	return v
}
