package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/store"
)

// lines are the long lines that are measured: what a small office has, to a box in the
// same country and on another continent.
var lines = []line{
	{"50 ms", 50 * time.Millisecond, 0, 20e6, 100e6},
	{"200 ms", 200 * time.Millisecond, 0, 20e6, 100e6},
	{"50 ms, 1 % lost", 50 * time.Millisecond, 0.01, 20e6, 100e6},
	{"200 ms, 1 % lost", 200 * time.Millisecond, 0.01, 20e6, 100e6},
}

// lossyPart is how much less is moved over a line that loses packets: TCP is slow there.
const lossyPart = 8

// A linkJob is what is measured over lines.
type linkJob struct {
	job
	control string // TCP's congestion control
	only    string // the name of the one line to measure; empty for all
}

// A crossing is how many bytes a second went over a line, there and back.
type crossing struct{ Up, Down float64 }

// overLines prints what a backup and a restore get of each line, beside iperf3.
func overLines(ctx context.Context, j linkJob) error {
	bin, err := filepath.Abs(j.bin)
	if err != nil {
		return err
	}
	j.bin = bin
	control := j.control
	if control == "" {
		text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
		if err != nil {
			return err
		}
		control = strings.TrimSpace(string(text))
	}
	fmt.Printf("20 Mbit/s up, 100 Mbit/s down, a queue of %v; TCP by %s; %d rounds in turns, medians, kB/s\n\n", queueTime, control, j.rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "line\tMiB\tiperf3 up\tbackup TCP\tratio\tbackup QUIC\tratio\tiperf3 down\trestore TCP\tratio\trestore QUIC\tratio\t")
	for _, l := range lines {
		if j.only != "" && l.name != j.only {
			continue
		}
		if err := overLine(ctx, w, l, j); err != nil {
			return fmt.Errorf("over %s: %w", l.name, err)
		}
	}
	return w.Flush()
}

func overLine(ctx context.Context, w *tabwriter.Writer, l line, j linkJob) (err error) {
	if l.loss > 0 {
		j.blocks = max((1<<20)/j.block, j.blocks/lossyPart) // whole MiB are told to the near end
	}
	k, err := layLink(ctx, l, j.control)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	var plain, tcp, quic []crossing
	for range j.rounds {
		bare, err := iperf(ctx, k, j.bytes())
		if err != nil {
			return err
		}
		plain = append(plain, bare)
		for transport, to := range map[string]*[]crossing{"tcp": &tcp, "quic": &quic} {
			c, err := boxOver(ctx, k, j, transport)
			if err != nil {
				return fmt.Errorf("a box by %s: %w", transport, err)
			}
			*to = append(*to, c)
		}
	}
	up, down := func(c crossing) float64 { return c.Up }, func(c crossing) float64 { return c.Down }
	fmt.Fprintf(w, "%s\t%d\t", l.name, j.bytes()>>20)
	for _, of := range []func(crossing) float64{up, down} {
		base := middle(plain, of)
		fmt.Fprintf(w, "%.0f\t%.0f\t%.2f\t%.0f\t%.2f\t", base/1e3, middle(tcp, of)/1e3, middle(tcp, of)/base, middle(quic, of)/1e3, middle(quic, of)/base)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func middle(list []crossing, of func(crossing) float64) float64 {
	v := make([]float64, len(list))
	for i, c := range list {
		v[i] = of(c)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// inNamespace returns a command that runs in a namespace.
func inNamespace(ctx context.Context, ns string, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns}, command...)...)
}

// iperf measures one TCP connection.
func iperf(ctx context.Context, k *link, bytes int) (c crossing, err error) {
	for _, way := range []struct {
		rate *float64
		more []string
	}{{&c.Up, nil}, {&c.Down, []string{"-R"}}} {
		ctx, cancel := context.WithCancel(ctx)
		server := inNamespace(ctx, k.far, "iperf3", "-s", "-1")
		if err := server.Start(); err != nil {
			cancel()
			return c, fmt.Errorf("starting iperf3 (hack/setup-e2e links installs it): %w", err)
		}
		var out []byte
		for range 100 { // until the server listens
			time.Sleep(100 * time.Millisecond)
			out, err = inNamespace(ctx, k.near, append([]string{"iperf3", "-c", farAddr, "-n", strconv.Itoa(bytes), "-J"}, way.more...)...).Output()
			if err == nil {
				break
			}
		}
		cancel()
		_ = server.Wait()
		var result struct {
			Error string
			End   struct {
				Received struct {
					Rate float64 `json:"bits_per_second"`
				} `json:"sum_received"`
			}
		}
		if err == nil {
			err = json.Unmarshal(out, &result)
		}
		if err == nil && result.Error != "" {
			err = errors.New(result.Error)
		}
		if err != nil {
			return c, fmt.Errorf("iperf3: %w: %s", err, out)
		}
		*way.rate = result.End.Received.Rate / 8
	}
	return c, nil
}

// boxOver measures a box at the far end: this program again is the near end.
func boxOver(ctx context.Context, k *link, j linkJob, transport string) (c crossing, err error) {
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	cmd := inNamespace(ctx, k.near, self, "-bin", j.bin, "-near", k.far, "-transport", transport,
		"-mib", strconv.Itoa(j.bytes()>>20), "-block", strconv.Itoa(j.block))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &c)
	}
	return c, err
}

// nearEnd starts a box at the far end of a line, brings a feed there and back, and prints
// the rates.
func nearEnd(ctx context.Context, j job, far, transport string) (err error) {
	j.prefix, j.listen = []string{"ip", "netns", "exec", far}, "/ip4/"+farAddr+"/tcp/4001"
	if transport == "quic" {
		j.listen = "/ip4/" + farAddr + "/udp/4001/quic-v1"
	}
	p, err := newPartner()
	if err != nil {
		return err
	}
	b, err := startBox(ctx, j, p.operatorText())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	if err := p.grant(ctx, b); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cobox-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	st, err := store.Open(filepath.Join(dir, "store"), store.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f, err := writeFeed(ctx, st, j)
	if err != nil {
		return err
	}
	pinned := func(box *client.Box) error {
		_, err := box.Pin(ctx, f.Key(), api.PinRequest{})
		return err
	}
	// The box has seen the device before, as after cobox accept and cobox pin: it then
	// gives its streams a wide window.
	if err := p.connected(ctx, b, pinned); err != nil {
		return err
	}
	var took crossing
	for _, way := range []struct {
		rate *float64
		do   func(context.Context, *boxProcess, *client.Box, *store.Feed) (result, error)
	}{{&took.Up, ingest}, {&took.Down, restore}} {
		// Connected anew, as a program of a partner is each time.
		if err := p.connected(ctx, b, func(box *client.Box) error {
			if err := pinned(box); err != nil {
				return err
			}
			r, err := way.do(ctx, b, box, f)
			*way.rate = float64(j.bytes()) / r.took.Seconds()
			return err
		}); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(took)
}
