// Command fleet measures coboxctl fleet with many boxes on this computer: it runs
// simulated boxes, each a libp2p host of its own that answers an operator as a box
// with ten partners and ten thousand feeds does, starts the real gateway, and scrapes
// it as Prometheus would.
//
//	go run ./hack/fleet -bin bin -boxes 100
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cobox/hack/usage"
)

func main() {
	m := measurement{}
	flag.StringVar(&m.bin, "bin", "bin", "where the programs are")
	flag.IntVar(&m.boxes, "boxes", 100, "how many boxes")
	flag.IntVar(&m.rounds, "rounds", 8, "how often all are scraped")
	flag.DurationVar(&m.every, "every", 15*time.Second, "the `time` between scrapes of a box")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := m.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet: error:", err)
		os.Exit(1)
	}
}

// A measurement is one run.
type measurement struct {
	bin           string
	boxes, rounds int
	every         time.Duration
}

func (m measurement) run(ctx context.Context) error {
	home, err := os.MkdirTemp("", "fleet-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(home) }()
	stop, err := runBoxes(ctx, home, m.boxes)
	if err != nil {
		return err
	}
	defer stop()
	port, err := freePort()
	if err != nil {
		return err
	}
	g := &gateway{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	began := time.Now()
	if err := g.start(ctx, m.bin, home, port); err != nil {
		return err
	}
	defer g.stop()
	if err := g.allUp(ctx, m.boxes); err != nil {
		return err
	}
	fmt.Printf("%d boxes, all connected after %.1f s\n", m.boxes, time.Since(began).Seconds())
	return m.scrape(ctx, g)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// A gateway is the real program.
type gateway struct {
	cmd   *exec.Cmd
	url   string
	paths []string // of the boxes' metrics
}

func (g *gateway) start(ctx context.Context, bin, home string, port int) error {
	g.cmd = exec.CommandContext(ctx, filepath.Join(bin, "coboxctl"), "fleet", "-listen", fmt.Sprintf("127.0.0.1:%d", port))
	g.cmd.Env = append(os.Environ(), "COBOXCTL_HOME="+home)
	g.cmd.Stderr = os.Stderr
	if err := g.cmd.Start(); err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	return nil
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(os.Interrupt)
	_ = g.cmd.Wait()
}

// allUp waits until all boxes answer through the gateway, for at most two minutes.
func (g *gateway) allUp(ctx context.Context, boxes int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		table, err := get(ctx, g.url+"/")
		if err == nil && strings.Count(table, " fine ")+strings.Count(table, " warning ") == boxes {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not all boxes are there: %w\n%s", cmp.Or(err, ctx.Err()), table)
		case <-time.After(100 * time.Millisecond):
		}
	}
	list, err := get(ctx, g.url+"/sd")
	if err != nil {
		return err
	}
	var groups []struct{ Labels map[string]string }
	if err := json.Unmarshal([]byte(list), &groups); err != nil {
		return err
	}
	for _, group := range groups {
		g.paths = append(g.paths, group.Labels["__metrics_path__"])
	}
	if len(g.paths) != boxes {
		return fmt.Errorf("/sd lists %d boxes", len(g.paths))
	}
	return nil
}

// scrape scrapes all boxes round by round, each at its own moment of the round as
// Prometheus does, and prints what that took.
func (m measurement) scrape(ctx context.Context, g *gateway) error {
	before, err := usage.Of(g.cmd.Process.Pid)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var took []time.Duration // mu
	var bytes, series int    // mu
	var failed error         // mu
	began := time.Now()
	for round := range m.rounds {
		var wg sync.WaitGroup
		for i, path := range g.paths {
			at := began.Add(time.Duration(round)*m.every + m.every*time.Duration(i)/time.Duration(len(g.paths)))
			wg.Go(func() {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(at)):
				}
				asked := time.Now()
				page, err := get(ctx, g.url+path)
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(asked))
				if err != nil || !strings.Contains(page, "\ncobox_fleet_up 1\n") {
					failed = fmt.Errorf("scraping %s: %w: %.200s", path, err, page)
				}
				bytes, series = len(page), seriesOf(page)
			})
		}
		wg.Wait()
	}
	if failed != nil || ctx.Err() != nil {
		return cmp.Or(failed, ctx.Err())
	}
	wall := time.Since(began)
	after, err := usage.Of(g.cmd.Process.Pid)
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("%d scrapes in %.0f s, one box each %v: %d series, %d kB each\n", len(took), wall.Seconds(), m.every, series, bytes/1000)
	fmt.Printf("a scrape: %s in the middle, %s for 95 %%, %s at most\n", ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(took[len(took)-1]))
	fmt.Printf("the gateway: %.1f %% of one processor, %d MB resident\n", 100*(after.CPU-before.CPU).Seconds()/wall.Seconds(), after.Resident>>20)
	all := time.Now()
	for _, path := range g.paths {
		if _, err := get(ctx, g.url+path); err != nil {
			return err
		}
	}
	fmt.Printf("all boxes one after another: %.1f s\n", time.Since(all).Seconds())
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1000) }

func seriesOf(page string) (n int) {
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return string(text), err
}
