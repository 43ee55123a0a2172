package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cobox/metrics"
)

// The bounds of a gateway.
const (
	// maxScrapes at the same time; more wait, as long as a scrape may take.
	maxScrapes = 32
	// scrapeTime is below Prometheus' own default of 10 s, so that a slow box is a box
	// that is away, and not a gateway that is broken.
	scrapeTime = 8 * time.Second
)

// A Gateway shows a fleet to Prometheus:
//
//	/sd                    the boxes, for Prometheus' HTTP service discovery
//	/box/TAG/metrics       a box's metrics, and whether it answers
//	/                      all boxes, for a person
//
// It only reads. It may be used from several goroutines.
type Gateway struct {
	fleet   *Fleet
	hosts   []string
	scrapes chan struct{}
	mux     *http.ServeMux
}

// NewGateway returns a gateway, which answers under its addresses, localhost, and
// hosts.
func NewGateway(f *Fleet, hosts ...string) *Gateway {
	g := &Gateway{fleet: f, hosts: hosts, scrapes: make(chan struct{}, maxScrapes), mux: http.NewServeMux()}
	g.mux.HandleFunc("GET /sd", g.getTargets)
	g.mux.HandleFunc("GET /box/{box}/metrics", g.getMetrics)
	g.mux.HandleFunc("GET /{$}", g.getIndex)
	return g
}

// ServeHTTP answers Prometheus, by a name that is the gateway's own: a web page whose
// name was made to point here must not read how all boxes are.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if !g.ours(r.Host) {
		http.Error(w, "this gateway answers to its addresses and to localhost; another name is given with -host", http.StatusMisdirectedRequest)
		return
	}
	g.mux.ServeHTTP(w, r)
}

func (g *Gateway) ours(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	_, err = netip.ParseAddr(name)
	return err == nil || strings.EqualFold(name, "localhost") || slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// A targetGroup is as Prometheus reads it.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

func (g *Gateway) getTargets(w http.ResponseWriter, r *http.Request) {
	paths := g.fleet.paths()
	groups := []targetGroup{}
	sights, _ := g.fleet.Sights()
	for _, s := range sights {
		path, ok := paths[s.Box.ID]
		if !ok {
			continue // it went meanwhile
		}
		groups = append(groups, targetGroup{
			Targets: []string{r.Host},
			Labels: map[string]string{
				"__metrics_path__": "/box/" + path + "/metrics", "box": s.Box.Label(),
				"instance": clean(s.Box.Name), // the gateway's address says nothing
			},
		})
	}
	slices.SortFunc(groups, func(a, b targetGroup) int {
		return strings.Compare(a.Labels["__metrics_path__"], b.Labels["__metrics_path__"])
	})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(groups) // Prometheus has gone when this fails
}

func (g *Gateway) getMetrics(w http.ResponseWriter, r *http.Request) {
	k := g.fleet.keeper(r.PathValue("box"))
	if k == nil {
		http.Error(w, "there is no such box: /sd lists them", http.StatusNotFound)
		return
	}
	page, err := g.scrape(r.Context(), k)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", metrics.ContentType)
	_, _ = w.Write(page)
}

// errBusy says that too many scrapes go on.
var errBusy = errors.New("too many scrapes at the same time")

// scrape returns a box's page: its metrics after the gateway's own word, or that
// alone when the box is away.
func (g *Gateway) scrape(ctx context.Context, k *keeper) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTime)
	defer cancel()
	select {
	case g.scrapes <- struct{}{}:
		defer func() { <-g.scrapes }()
	case <-ctx.Done():
		return nil, errBusy
	}
	var own, page bytes.Buffer
	up := k.metrics(ctx, scrapeTime, &own) == nil
	if err := metrics.WriteFleet(&page, up, k.sight().Seen); err != nil {
		return nil, fmt.Errorf("writing the gateway's metrics: %w", err)
	}
	if up {
		page.Write(own.Bytes())
	}
	return page.Bytes(), nil
}

func (g *Gateway) getIndex(w http.ResponseWriter, _ *http.Request) {
	sights, _ := g.fleet.Sights()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	WriteTable(w, sights, time.Now())
}

// NewServer returns a server of a gateway, bounded in time. The caller runs it.
func NewServer(g *Gateway) *http.Server {
	return &http.Server{
		Handler: g, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 3 * scrapeTime,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}
