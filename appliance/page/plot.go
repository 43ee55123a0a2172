package page

import (
	"math"
	"strconv"
	"strings"

	"cobox/appliance/health"
)

// A plot is a figure of a day. It is drawn in units of its own, one wide for each
// step and plotHeight high, which the style stretches to the page.
type plot struct {
	Title, Now string
	Words      string // what the lines show, for those who do not see them
	Lines      []line
	Top, Low   string // of the scale
	Known      bool   // there is anything to draw
}

// A line is one row of figures.
type line struct {
	Name       string // empty for a plot's only line
	Path, Area string // of SVG: the line, and what is under it
}

const plotHeight = 72

// A scale is the range of a plot.
type scale struct{ low, top float64 }

// y is where v is, 0 at the top.
func (s scale) y(v float64) float64 {
	return plotHeight * (1 - (min(max(v, s.low), s.top)-s.low)/(s.top-s.low))
}

// draw returns a line through the known values, with gaps where there are none, and
// the area under it.
func draw(values []float64, s scale) (path, area string) {
	var p, a strings.Builder
	for i := 0; i < len(values); {
		if math.IsNaN(values[i]) {
			i++
			continue
		}
		begin := i
		for ; i < len(values) && !math.IsNaN(values[i]); i++ {
			command := byte('L')
			if i == begin {
				command = 'M'
			}
			point(&p, command, float64(i)+0.5, s.y(values[i]))
		}
		if i == begin+1 {
			point(&p, 'L', float64(i), s.y(values[begin])) // a step alone is seen too
		}
		point(&a, 'M', float64(begin)+0.5, plotHeight)
		for j := begin; j < i; j++ {
			point(&a, 'L', float64(j)+0.5, s.y(values[j]))
		}
		point(&a, 'L', float64(i)-0.5, plotHeight)
		a.WriteByte('Z')
	}
	return p.String(), a.String()
}

func point(b *strings.Builder, command byte, x, y float64) {
	b.WriteByte(command)
	b.WriteString(strconv.FormatFloat(x, 'f', -1, 64))
	b.WriteByte(' ')
	b.WriteString(strconv.FormatFloat(math.Round(y*10)/10, 'f', -1, 64))
}

// span returns the lowest, highest and newest of the known values; ok is false when
// there is none.
func span(values []float64) (low, high, newest float64, ok bool) {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if !ok {
			low, high, ok = v, v, true
		}
		low, high, newest = min(low, v), max(high, v), v
	}
	return low, high, newest, ok
}

// above returns the next of 1, 2, 5, 10, 20 ... that is not below v, at least least.
func above(v, least float64) float64 {
	v = max(v, least)
	size := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range [...]float64{1, 2, 5} {
		if step*size >= v {
			return step * size
		}
	}
	return 10 * size
}

// values takes one figure out of a day.
func values(day []Point, figure func(Point) float64) []float64 {
	list := make([]float64, len(day))
	for i, p := range day {
		list[i] = figure(p)
	}
	return list
}

// leastRate is the height of a plot of nearly nothing, in bytes a second.
const leastRate = 10e3

// throughput shows what came in and what went out.
func (l language) throughput(day []Point) plot {
	in, out := values(day, func(p Point) float64 { return p.Received }), values(day, func(p Point) float64 { return p.Sent })
	_, mostIn, nowIn, okIn := span(in)
	_, mostOut, nowOut, okOut := span(out)
	s := scale{0, above(max(mostIn, mostOut), leastRate)}
	p := plot{Title: l.say("throughput"), Known: okIn || okOut, Top: l.rate(s.top), Low: "0"}
	if !p.Known {
		return p
	}
	p.Now = l.say("rate-now", "in", l.rate(nowIn), "out", l.rate(nowOut))
	p.Words = l.say("rate-words", "in", l.rate(mostIn), "out", l.rate(mostOut))
	for _, row := range []struct {
		name   string
		values []float64
	}{{"received", in}, {"sent", out}} {
		path, area := draw(row.values, s)
		p.Lines = append(p.Lines, line{l.say(row.name), path, area})
	}
	return p
}

// disk shows how full the data disk is.
func (l language) disk(day []Point) plot {
	used := values(day, func(p Point) float64 { return p.Used })
	low, high, now, ok := span(used)
	p := plot{Title: l.say("disk"), Known: ok, Top: l.say("percent", "n", "100"), Low: "0"}
	if ok {
		p.Now = l.say("disk-now", "n", l.percent(now))
		p.Words = l.between(l.percent(low), l.percent(high), "percent")
		path, area := draw(used, scale{0, 1})
		p.Lines = []line{{"", path, area}}
	}
	return p
}

// temperature shows the hottest thermometer.
func (l language) temperature(day []Point) plot {
	heat := values(day, func(p Point) float64 { return p.Celsius })
	low, high, now, ok := span(heat)
	s := scale{min(20, 10*math.Floor(low/10)), max(80, 10*math.Ceil(high/10))}
	p := plot{Title: l.say("temperature"), Known: ok, Top: l.say("celsius", "n", l.whole(s.top)), Low: l.say("celsius", "n", l.whole(s.low))}
	if ok {
		p.Now = l.say("celsius", "n", l.whole(now))
		p.Words = l.between(l.whole(low), l.whole(high), "celsius")
		path, area := draw(heat, s)
		p.Lines = []line{{"", path, area}}
	}
	return p
}

// between says how a figure moved in the time shown.
func (l language) between(low, high, unit string) string {
	if low == high {
		return l.say("same", "v", l.say(unit, "n", low))
	}
	return l.say("between", "low", low, "high", l.say(unit, "n", high))
}

func (l language) rate(bytesPerSecond float64) string {
	if !(bytesPerSecond >= 0.5) { // not a number, too
		return l.say("rate", "n", "0 B")
	}
	return l.say("rate", "n", l.in(health.Size(uint64(min(bytesPerSecond, 1e18)))))
}

func (l language) percent(ratio float64) string { return l.whole(100 * min(max(ratio, 0), 1)) }

func (l language) whole(v float64) string { return l.in(health.Number(v, 0)) }
