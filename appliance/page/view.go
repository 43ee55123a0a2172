package page

import (
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"cobox/appliance/health"
)

// A view is what the template shows: all decided, all said.
type view struct {
	Lang     string
	Others   []language // that the page also speaks
	Host     string
	Tone     string // ok, wait, warning, failed: the colour and sign at the top
	Headline string
	Lead     string
	Steps    []step    // what to do, in order
	Trouble  []finding // what is wrong, the worst first
	Caution  string    // what never to do
	Plots    []plot
	Checks   []finding // all, as a tree
	Facts    []string  // at the end
	Addrs    []string
}

// A step is a thing to do, and perhaps a line to type.
type step struct{ Text, Command string }

// A finding is a check as it is shown.
type finding struct {
	Title, Text string
	State       health.State
	StateText   string
	Since       string
	Under       []finding
}

// make decides what is shown.
func (l language) make(f Facts) view {
	v := view{Lang: l.tag, Host: f.Host}
	for _, o := range languages {
		if o != l {
			v.Others = append(v.Others, o)
		}
	}
	if v.Host == "" {
		v.Host = l.say("nameless")
	}
	for _, r := range f.Health.Trouble() {
		if r.Finding != health.OperatorNone { // the whole page says so
			v.Trouble = append(v.Trouble, l.finding(r, f.Health.At))
		}
	}
	switch f.Owner {
	case Paired:
		l.paired(&v, f)
	case Retired:
		v.head(l, "wait", "retired")
		v.Steps = []step{{Text: l.say("step-retired")}}
	case NoCode:
		v.head(l, "failed", "no-code")
		v.Steps = []step{{Text: l.say("step-flash")}}
	case Damaged:
		v.head(l, "failed", "damaged")
		v.Steps = []step{{Text: l.say("step-reset")}, {Text: l.say("step-insert")}}
	default:
		l.unpaired(&v, f)
	}
	v.Checks = l.tree(f.Health, "")
	if plots := []plot{l.throughput(f.Day), l.disk(f.Day), l.temperature(f.Day)}; plots[0].Known || plots[1].Known || plots[2].Known {
		v.Plots = plots
	}
	if f.Uptime > 0 {
		v.Facts = append(v.Facts, l.say("up", "ago", l.in(health.Duration(f.Uptime))))
	}
	if f.Version != "" {
		v.Facts = append(v.Facts, l.say("version", "version", f.Version))
	}
	if f.Tag != "" {
		v.Facts = append(v.Facts, l.say("tag", "tag", f.Tag))
	}
	v.Addrs = f.Addrs
	return v
}

// head sets what stands at the top.
func (v *view) head(l language, tone, text string, figures ...string) {
	v.Tone, v.Headline, v.Lead = tone, l.say(text), l.say(text+"-lead", figures...)
}

// unpaired says how to make the box somebody's.
func (l language) unpaired(v *view, f Facts) {
	if f.Window <= 0 {
		v.head(l, "wait", "closed")
		v.Steps = append(v.Steps, step{Text: l.say("step-replug")})
	} else {
		v.head(l, "wait", "unpaired", "window", l.in(health.Duration(max(f.Window, time.Minute))))
	}
	v.Steps = append(v.Steps, step{Text: l.say("step-computer")}, step{l.say("step-pair"), "coboxctl pair"},
		step{Text: l.say("step-code")}, step{Text: l.say("step-look")})
	v.Caution = l.say("never-code")
}

// paired says how the box is.
func (l language) paired(v *view, f Facts) {
	failed := 0
	for _, t := range v.Trouble {
		if t.State == health.Failed {
			failed++
		}
	}
	switch {
	case len(f.Health.Checks) == 0:
		v.head(l, "wait", "unexamined")
	case failed > 0:
		v.head(l, "failed", "failed", "n", strconv.Itoa(failed))
		v.one(l, failed, "failed-one")
	case len(v.Trouble) > 0:
		v.head(l, "warning", "warning", "n", strconv.Itoa(len(v.Trouble)))
		v.one(l, len(v.Trouble), "warning-one")
	default:
		v.head(l, "ok", "fine")
		v.Steps = []step{{Text: l.say("fine-step")}}
	}
}

// one replaces the lead where it counts a single thing.
func (v *view) one(l language, n int, text string) {
	if n == 1 {
		v.Lead = l.say(text)
	}
}

// tree returns the findings of the checks under one, each with those under it.
func (l language) tree(r health.Report, under health.Check) (list []finding) {
	for _, c := range r.Checks {
		if c.Under == under {
			f := l.finding(c, r.At)
			f.Under = l.tree(r, c.Check)
			list = append(list, f)
		}
	}
	return list
}

// aloof is what the page says of pins instead of what health does: figures of
// partners' are not for everybody in the building.
var aloof = map[health.Finding]string{
	health.PinsComplete: "pins-fine", health.PinsNone: "pins-fine", health.PinsComing: "pins-coming",
	health.PinsLate: "pins-look", health.PinsOverQuota: "pins-look", health.PinsFrozen: "pins-frozen",
}

func (l language) finding(r health.Result, at time.Time) finding {
	f := finding{Title: capital(l.in(r.Title)), Text: l.in(r.Text), State: r.State, StateText: l.say("state-" + string(r.State))}
	if name, ok := aloof[r.Finding]; ok {
		f.Text = l.say(name)
	}
	if d := at.Sub(r.Since); (r.State == health.Failed || r.State == health.Warning) && !r.Since.IsZero() && d >= time.Minute {
		f.Since = l.say("since", "ago", l.in(health.Duration(d)))
	}
	return f
}

// capital begins a sentence as sentences begin.
func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 || first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[n:]
}

// Say returns a text in the page's own language, for the template.
func (v view) Say(name string, figures ...string) string {
	return language{v.Lang}.say(name, figures...)
}

// Name returns the language's own name.
func (l language) Name() string { return l.say("language") }

// Tag returns the language's tag.
func (l language) Tag() string { return l.tag }

// Box returns the size of the plots' own units.
func (v view) Box() string { return fmt.Sprintf("0 0 %d %d", Steps, plotHeight) }

// Mid returns the height of the middle line.
func (v view) Mid() int { return plotHeight / 2 }
