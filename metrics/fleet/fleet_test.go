package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cobox/appliance/health"
	"cobox/metrics"
	"cobox/metrics/fleet"
	"cobox/metrics/metricstest"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A town is boxes as an operator reaches them.
type town struct {
	mu     sync.Mutex
	boxes  []fleet.Box                        // mu
	change map[string]func(*metrics.Snapshot) // mu; what is wrong with a box
	away   map[string]bool                    // mu
	hangs  map[string]bool                    // mu; it is there, and does not answer
	links  map[string]int                     // mu; that are open
	dials  int                                // mu; that go on
	most   int                                // mu; dials at the same time
	takes  time.Duration                      // a dial
}

func newTown(names ...string) *town {
	t := &town{change: map[string]func(*metrics.Snapshot){}, away: map[string]bool{}, hangs: map[string]bool{}, links: map[string]int{}, takes: time.Second}
	for _, n := range names {
		t.boxes = append(t.boxes, fleet.Box{ID: "id-" + n, Name: "cobox-" + n, Tag: strings.ToUpper(n), Seen: time.Now().Add(-time.Hour)})
	}
	return t
}

func (t *town) set(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

func (t *town) list() ([]fleet.Box, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.boxes), nil
}

func (t *town) connect(ctx context.Context, b fleet.Box) (fleet.Link, error) {
	t.set(func() { t.dials++; t.most = max(t.most, t.dials) })
	defer t.set(func() { t.dials-- })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(t.takes):
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.away[b.ID] {
		return nil, errors.New("no route to \x1b[31mhost")
	}
	t.links[b.ID]++
	return &link{t, b.ID}, nil
}

// A link is a box that answers from a snapshot, through the real exporter.
type link struct {
	t  *town
	id string
}

func (l *link) snapshot(ctx context.Context) (s metrics.Snapshot, err error) {
	l.t.mu.Lock()
	change, away, hangs := l.t.change[l.id], l.t.away[l.id], l.t.hangs[l.id]
	l.t.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return s, ctx.Err()
	}
	if away {
		return s, errors.New("connection reset")
	}
	s = metricstest.Box(time.Now(), 2, 10)
	if change != nil {
		change(&s)
	}
	s.Health = health.Examine(s.Facts())
	return s, nil
}

func (l *link) Health(ctx context.Context) (health.Report, error) {
	s, err := l.snapshot(ctx)
	return s.Health, err
}

func (l *link) Metrics(ctx context.Context, w io.Writer) error {
	s, err := l.snapshot(ctx)
	if err != nil {
		return err
	}
	return metrics.New(func() metrics.Snapshot { return s }).WriteText(w)
}

func (l *link) Refresh(ctx context.Context) error {
	_, err := l.snapshot(ctx)
	return err
}

func (l *link) Close() { l.t.set(func() { l.t.links[l.id]-- }) }

// watch runs a fleet over a town until the test ends.
func watch(t *testing.T, town *town) *fleet.Fleet {
	t.Helper()
	f := fleet.New(fleet.Config{Boxes: town.list, Connect: town.connect})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for id, n := range town.links {
			if n != 0 {
				t.Errorf("%s: %d links are left open", id, n)
			}
		}
	})
	return f
}

func hot(s *metrics.Snapshot)  { s.Machine.Temperatures[0].Celsius = 90 }
func warm(s *metrics.Snapshot) { s.Machine.Temperatures[0].Celsius = 78 }

// words are the boxes with their moods, in order.
func words(sights []fleet.Sight) string {
	var list []string
	for _, s := range sights {
		list = append(list, s.Box.Name+" "+string(s.Mood()))
	}
	return strings.Join(list, ", ")
}

func TestFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown("aaaaaa", "bbbbbb", "cccccc", "dddddd")
		town.change["id-bbbbbb"], town.change["id-cccccc"] = hot, warm
		town.away["id-dddddd"] = true
		f := watch(t, town)
		if got, want := words(f.Settled(t.Context())), "cobox-dddddd SILENT, cobox-bbbbbb FAILED, cobox-cccccc warning, cobox-aaaaaa fine"; got != want {
			t.Errorf("at first: %s, want %s", got, want)
		}

		// A box that goes is noticed within half a minute, and one that comes back
		// within the longest wait.
		town.set(func() { town.away["id-aaaaaa"] = true })
		gone := time.Now()
		time.Sleep(31 * time.Second)
		sights, _ := f.Sights()
		if got := words(sights); !strings.Contains(got, "cobox-aaaaaa SILENT") {
			t.Errorf("after a box went: %s", got)
		}
		for _, s := range sights {
			if s.Box.ID == "id-aaaaaa" && (s.Seen.After(gone) || gone.Sub(s.Seen) > 31*time.Second || s.Up || s.Error == "") {
				t.Errorf("seen at %v of %v, %+v", s.Seen, gone, s)
			}
		}
		town.set(func() { clear(town.away); clear(town.change) })
		time.Sleep(3*time.Minute + time.Second)
		sights, _ = f.Sights()
		if got, want := words(sights), "cobox-aaaaaa fine, cobox-bbbbbb fine, cobox-cccccc fine, cobox-dddddd fine"; got != want {
			t.Errorf("when all is well again: %s", got)
		}

		// A box that hangs is one that is away.
		town.set(func() { town.hangs["id-bbbbbb"] = true })
		time.Sleep(41 * time.Second)
		sights, _ = f.Sights()
		if got := words(sights); !strings.HasPrefix(got, "cobox-bbbbbb SILENT") {
			t.Errorf("when a box hangs: %s", got)
		}

		// Boxes come and go.
		town.set(func() {
			clear(town.hangs)
			town.boxes = append(town.boxes[1:], fleet.Box{ID: "id-new", Name: "attic"})
		})
		time.Sleep(3 * time.Minute)
		sights, _ = f.Sights()
		if got := words(sights); strings.Contains(got, "aaaaaa") || !strings.Contains(got, "attic fine") {
			t.Errorf("after a box came and one went: %s", got)
		}
	})
}

// However many boxes are away, few are looked for at the same time.
func TestDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprint("box", i))
		}
		town := newTown(names...)
		f := watch(t, town)
		if n := len(f.Settled(t.Context())); n != 100 || town.most > fleet.MaxDials {
			t.Errorf("%d boxes, %d looked for at the same time", n, town.most)
		}
	})
}

func get(g http.Handler, method, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// value returns a metric's value in a page; ok is false when it is not there.
func value(t *testing.T, page, name string) (v float64, ok bool) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	f, ok := families[name]
	if !ok {
		return 0, false
	}
	return f.Metric[0].GetGauge().GetValue(), true
}

func TestGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown("aaaaaa", "bbbbbb")
		town.away["id-bbbbbb"] = true
		f := watch(t, town)
		g := fleet.NewGateway(f, "docker.internal")
		f.Settled(t.Context())

		w := get(g, "GET", "127.0.0.1:9280", "/sd")
		var groups []struct {
			Targets []string
			Labels  map[string]string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &groups); err != nil || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("/sd: %v, %s", err, w.Body)
		}
		want := map[string]string{"__metrics_path__": "/box/aaaaaa/metrics", "box": "AAAAAA", "instance": "cobox-aaaaaa"}
		if len(groups) != 2 || groups[0].Targets[0] != "127.0.0.1:9280" || !maps.Equal(groups[0].Labels, want) {
			t.Errorf("/sd: %s", w.Body)
		}

		page := get(g, "GET", "localhost:9280", groups[0].Labels["__metrics_path__"]).Body.String()
		if up, _ := value(t, page, "cobox_fleet_up"); up != 1 {
			t.Errorf("a box that is there: %s", page)
		}
		if paired, ok := value(t, page, "cobox_paired"); !ok || paired != 1 {
			t.Error("its own metrics are not there")
		}
		w = get(g, "GET", "[::1]:9280", "/box/bbbbbb/metrics")
		seen, _ := value(t, w.Body.String(), "cobox_fleet_last_seen_timestamp_seconds")
		if up, ok := value(t, w.Body.String(), "cobox_fleet_up"); w.Code != 200 || up != 0 || !ok || int64(seen) != town.boxes[1].Seen.Unix() {
			t.Errorf("a box that is away: %d, %s", w.Code, w.Body)
		}
		if _, ok := value(t, w.Body.String(), "cobox_paired"); ok {
			t.Error("a box that is away has metrics of its own")
		}

		// One that hangs is one that is away, and the answer comes before Prometheus
		// gives up.
		town.set(func() { town.hangs["id-aaaaaa"] = true })
		began := time.Now()
		w = get(g, "GET", "localhost", "/box/aaaaaa/metrics")
		if up, _ := value(t, w.Body.String(), "cobox_fleet_up"); up != 0 || time.Since(began) >= 10*time.Second {
			t.Errorf("a box that hangs, after %v: %s", time.Since(began), w.Body)
		}

		for _, row := range []struct {
			method, host, path string
			want               int
		}{
			{"GET", "evil.example", "/sd", 421}, {"GET", "evil.example", "/box/aaaaaa/metrics", 421}, {"GET", "127.0.0.1.evil.example", "/", 421}, {"GET", "", "/", 421},
			{"GET", "docker.internal:9280", "/sd", 200}, {"GET", "Localhost", "/", 200},
			{"POST", "localhost", "/sd", 405}, {"DELETE", "localhost", "/box/aaaaaa/metrics", 405}, {"GET", "localhost", "/box/zzzzzz/metrics", 404}, {"GET", "localhost", "/other", 404},
		} {
			if w := get(g, row.method, row.host, row.path); w.Code != row.want {
				t.Errorf("%s %s at %s: %d, want %d", row.method, row.path, row.host, w.Code, row.want)
			}
		}
		if text := get(g, "GET", "localhost", "/").Body.String(); !strings.Contains(text, "cobox-bbbbbb  BBBBBB  SILENT  1 hour ago") || strings.Contains(text, "\x1b") {
			t.Errorf("the table: %q", text)
		}
	})
}

// Boxes of one name are told apart, and a name that is no path does no harm.
func TestPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown()
		town.boxes = []fleet.Box{
			{ID: "1", Name: "attic"}, {ID: "2", Name: "attic"}, {ID: "3", Name: "cellar", Tag: "7K3F9Q"}, {ID: "4", Name: "../sd\x1b[2J\n"}, {ID: "5"},
		}
		f := watch(t, town)
		f.Settled(t.Context())
		g := fleet.NewGateway(f)
		for _, path := range []string{"1", "2", "7k3f9q", "4", "5"} {
			if w := get(g, "GET", "localhost", "/box/"+path+"/metrics"); w.Code != 200 {
				t.Errorf("box %s: %d", path, w.Code)
			}
		}
		if text := get(g, "GET", "localhost", "/sd").Body.String() + get(g, "GET", "localhost", "/").Body.String(); strings.ContainsAny(text, "\x1b") || strings.Contains(text, `\u001b`) || strings.Contains(text, `\n`) {
			t.Errorf("%q", text)
		}
	})
}

// What a box says is shown as text, whatever is in it.
func TestForeignWords(t *testing.T) {
	s := fleet.Sight{Tried: true, Up: true, Box: fleet.Box{Name: "a"}, Health: health.Report{State: health.Failed}}
	if s.Advice() != "" || s.Mood() != fleet.Broken {
		t.Errorf("a report without a reason: %q, %s", s.Advice(), s.Mood())
	}
	synctest.Test(t, func(t *testing.T) {
		town := newTown("aaaaaa")
		town.change["id-aaaaaa"] = func(s *metrics.Snapshot) {
			hot(s)
			s.Machine.Temperatures[0].Sensor = "\x1b]0;owned\a\x1b[2J\u202e" + strings.Repeat("x", 10_000)
		}
		f := watch(t, town)
		var b strings.Builder
		fleet.WriteTable(&b, f.Settled(t.Context()), time.Now())
		if strings.ContainsAny(b.String(), "\x1b\a\u202e") || b.Len() > 1000 {
			t.Errorf("%q", b.String())
		}
	})
}
