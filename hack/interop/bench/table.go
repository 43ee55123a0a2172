package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// show prints the medians of a load's rows. The first row is what the others are
// compared with.
func show(w io.Writer, l load, rows []*row) error {
	fmt.Fprintf(w, "\n%d blocks of %d bytes, %.0f MB; medians of %d runs in turns\n\n", l.blocks, l.block, l.bytes()/1e6, len(rows[0].results))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tMB/s in\tMB/s out\tCPU s/GB in\tCPU s/GB out\tpeak RSS MB\tdisk/payload\t")
	columns := []func(result) float64{
		func(r result) float64 { return l.bytes() / 1e6 / r.in.took.Seconds() },
		func(r result) float64 { return l.bytes() / 1e6 / r.out.took.Seconds() },
		func(r result) float64 { return r.in.cpu.Seconds() / (l.bytes() / 1e9) },
		func(r result) float64 { return r.out.cpu.Seconds() / (l.bytes() / 1e9) },
		func(r result) float64 { return float64(r.peak) / 1e6 },
		func(r result) float64 { return float64(r.disk) / l.bytes() },
	}
	base := make([]float64, len(columns))
	for n, r := range rows {
		fmt.Fprintf(t, "%s\t", r.name)
		for i, column := range columns {
			v := median(r.results, column)
			if n == 0 {
				base[i] = v
			}
			fmt.Fprintf(t, "%.*f\t", digits(v), v)
		}
		fmt.Fprintln(t)
		if n == 0 {
			continue
		}
		fmt.Fprint(t, "to the JS blind store\t")
		for i, column := range columns {
			fmt.Fprintf(t, "x %.2f\t", median(r.results, column)/base[i])
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// digits is how many decimals a figure needs.
func digits(v float64) int {
	if v >= 20 {
		return 0
	}
	return 2
}

func median(rs []result, of func(result) float64) float64 {
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = of(r)
	}
	slices.Sort(v)
	return v[len(v)/2]
}
