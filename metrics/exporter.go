package metrics

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// The bounds of an [Exporter]'s HTTP side.
const (
	// maxScrapes at the same time: Prometheus, its twin, and a person.
	maxScrapes = 3
	// scrapeTimeout is below Prometheus' own default of 10 s, so that a slow answer is
	// an error here, and not a silence there.
	scrapeTimeout = 8 * time.Second
)

// An Exporter shows a box's metrics. It may be used by several goroutines.
type Exporter struct {
	registry *prometheus.Registry
	http     http.Handler
}

// New returns an Exporter of what source returns. It is called at each scrape, and by
// several goroutines when there are several scrapes. It should return within a
// second: what takes longer (a disk that does not answer) belongs in the background.
func New(source func() Snapshot) *Exporter {
	c := &collector{source: source, descs: make(map[string]*prometheus.Desc), kinds: make(map[string]prometheus.ValueType)}
	for _, f := range catalogue() {
		c.descs[f.name] = prometheus.NewDesc(f.name, f.help, f.labels, nil)
		c.kinds[f.name] = f.kind
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	return &Exporter{registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
	})}
}

// ServeHTTP answers a scrape: GET and HEAD, at any path. Who may ask is the caller's
// to decide.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics can only be read", http.StatusMethodNotAllowed)
		return
	}
	e.http.ServeHTTP(w, r)
}

// WriteText writes the page of metrics in Prometheus' text format, for carriers other
// than HTTP.
func (e *Exporter) WriteText(w io.Writer) error {
	families, err := e.registry.Gather()
	if err != nil {
		return fmt.Errorf("gathering metrics: %w", err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("writing metrics: %w", err)
		}
	}
	return nil
}

// ContentType is that of what [Exporter.WriteText] writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// A collector makes metrics of a snapshot, at each scrape.
type collector struct {
	source func() Snapshot
	descs  map[string]*prometheus.Desc
	kinds  map[string]prometheus.ValueType
}

// Describe tells the registry of all metrics that there may be.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect shows the snapshot of this moment.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.source()
	p := page{c, ch}
	p.box(&s)
	p.machine(&s)
	p.disks(&s)
	p.network(&s)
	p.programs(&s)
	p.seeder(&s)
	p.partners(&s)
}

// A page takes metrics.
type page struct {
	*collector
	ch chan<- prometheus.Metric
}

// put adds a sample. It panics at a name or a number of labels that the catalogue
// does not have.
func (p page) put(name string, value float64, labels ...string) {
	p.ch <- prometheus.MustNewConstMetric(p.descs[name], p.kinds[name], value, labels...)
}

// putUint is put for counts of things and bytes.
func (p page) putUint(name string, value uint64, labels ...string) {
	p.put(name, float64(value), labels...)
}

// putBool shows 1 for true.
func (p page) putBool(name string, value bool, labels ...string) {
	var v float64
	if value {
		v = 1
	}
	p.put(name, v, labels...)
}

// putTime leaves out a time that nobody knows.
func (p page) putTime(name string, t time.Time, labels ...string) {
	if !t.IsZero() {
		p.put(name, float64(t.UnixMilli())/1000, labels...)
	}
}
