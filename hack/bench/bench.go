package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cobox/hack/usage"
	"cobox/seeder/api"
	"cobox/seeder/lanes"
)

// A job is what is measured.
type job struct {
	bin           string
	blocks, block int
	rounds        int
	prefix        []string // before the box's command, such as to run it in a namespace
	listen        string   // where the box listens; empty for this computer alone
}

func (j job) bytes() int { return j.blocks * j.block }

// A result is one measurement.
type result struct {
	took time.Duration
	host usage.Process // of the process at the other end
	near usage.Process // of this one, where it is not the same
}

func (r result) rate(j job) float64 { return float64(j.bytes()) / 1e6 / r.took.Seconds() }
func (r result) cpu(j job) float64  { return r.host.CPU.Seconds() / (float64(j.bytes()) / 1e9) }
func (r result) nearCPU(j job) float64 {
	return r.near.CPU.Seconds() / (float64(j.bytes()) / 1e9)
}

func run(ctx context.Context, j job) error {
	if dir, err := filepath.Abs(j.bin); err == nil {
		j.bin = dir
	}
	rows := map[string][]result{}
	order := []string{"bare stream", "plain file", "hash", "ingest", "restore"}
	for range j.rounds {
		bare, err := bareStream(ctx, j)
		if err != nil {
			return fmt.Errorf("bare stream: %w", err)
		}
		file, in, out, err := throughBox(ctx, j)
		if err != nil {
			return err
		}
		hash, err := hashing(j)
		if err != nil {
			return err
		}
		for i, r := range []result{bare, file, hash, in, out} {
			rows[order[i]] = append(rows[order[i]], r)
		}
	}
	fmt.Printf("%d blocks of %d bytes, %d rounds in turns, medians\nhost: the box, the far end of the stream, or who writes the file or hashes; client: the near end\n\n", j.blocks, j.block, j.rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tMB/s\tspread\thost CPU s/GB\tclient CPU s/GB\thost peak RSS MB\thost anonymous MB\tto the bare stream\t")
	base := median(rows[order[0]], func(r result) float64 { return r.rate(j) })
	for _, name := range order {
		rs := rows[name]
		rate := func(r result) float64 { return r.rate(j) }
		lo, hi := spread(rs, rate)
		fmt.Fprintf(w, "%s\t%.0f\t%.0f-%.0f\t%.2f\t%.2f\t%.0f\t%.0f\t%.2f\t\n", name, median(rs, rate), lo, hi,
			median(rs, func(r result) float64 { return r.cpu(j) }),
			median(rs, func(r result) float64 { return r.nearCPU(j) }),
			median(rs, func(r result) float64 { return float64(r.host.Peak) / 1e6 }),
			median(rs, func(r result) float64 { return float64(r.host.Anonymous) / 1e6 }),
			median(rs, rate)/base)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printLimit(j, rows)
	return idle(ctx, j)
}

// printLimit prints what ingest could be by the rates and the processor time of its parts:
// the stream, the hash of each block, and the file. Both ends have the same cores here, so
// both ends of the stream count.
func printLimit(j job, rows map[string][]result) {
	rate := func(name string) float64 { return median(rows[name], func(r result) float64 { return r.rate(j) }) }
	sum := median(rows["bare stream"], func(r result) float64 { return r.cpu(j) + r.nearCPU(j) })
	for _, name := range []string{"plain file", "hash"} {
		sum += median(rows[name], func(r result) float64 { return r.cpu(j) })
	}
	cores := float64(runtime.NumCPU()) * 1e3 / sum
	limit := min(rate("bare stream"), rate("plain file"), cores)
	fmt.Printf("the limit is the lowest of stream, file, and %d cores / %.2f s/GB of all parts = %.0f MB/s: ingest gets %.2f of it\n",
		runtime.NumCPU(), sum, cores, rate("ingest")/limit)
}

// hashing hashes the job's bytes, as many blocks at once as a box does.
func hashing(j job) (result, error) {
	data := randomBlocks(lanes.Width(), j.block)
	messages, sums := make([]lanes.Message, len(data)), make([][lanes.Size]byte, len(data))
	for i := range data {
		messages[i].Data = data[i]
	}
	watch, err := usage.Sample(os.Getpid())
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	for done := 0; done < j.blocks; done += len(data) {
		lanes.Sum256(sums, messages)
	}
	took := time.Since(began)
	u, err := watch.End()
	return result{took: took, host: u}, err
}

func median(rs []result, of func(result) float64) float64 {
	v := values(rs, of)
	return v[len(v)/2]
}

func spread(rs []result, of func(result) float64) (lo, hi float64) {
	v := values(rs, of)
	return v[0], v[len(v)-1]
}

func values(rs []result, of func(result) float64) []float64 {
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = of(r)
	}
	slices.Sort(v)
	return v
}

// A boxProcess is a running seederd with a fresh state folder.
type boxProcess struct {
	cmd   *exec.Cmd
	state string
	log   bytes.Buffer
	api.BoxStatus
}

func startBox(ctx context.Context, j job, operator string) (*boxProcess, error) {
	state, err := os.MkdirTemp("", "cobox-bench-")
	if err != nil {
		return nil, err
	}
	b := &boxProcess{state: state}
	return b, b.start(ctx, j, operator)
}

// start runs the box on its state.
func (b *boxProcess) start(ctx context.Context, j job, operator string) error {
	command := append(slices.Clone(j.prefix), filepath.Join(j.bin, "seederd"), "-state", b.state, "-operator", operator,
		"-listen", cmp.Or(j.listen, "/ip4/127.0.0.1/tcp/0"), "-mdns=off", "-dht=server")
	b.cmd = exec.CommandContext(ctx, command[0], command[1:]...)
	b.cmd.Stderr = &b.log
	if err := b.cmd.Start(); err != nil {
		return err
	}
	var out []byte
	var err error
	for range 1200 {
		out, err = exec.CommandContext(ctx, filepath.Join(j.bin, "seederd"), "-state", b.state, "-status", "-json").Output()
		if err == nil {
			return json.Unmarshal(out, &b.BoxStatus)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the box does not answer: %w\n%s", errors.Join(err, b.end()), b.log.String())
}

// stop ends the box in order, and leaves its state.
func (b *boxProcess) stop() error {
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return b.cmd.Wait()
}

// end kills the box and removes its state; the error is what it logged.
func (b *boxProcess) end() error {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	if err := os.RemoveAll(b.state); err != nil {
		return err
	}
	if text := b.log.String(); strings.Contains(text, "ERROR") {
		return fmt.Errorf("the box logged: %s", text)
	}
	return nil
}

// idle measures a box that has nothing to do.
func idle(ctx context.Context, j job) error {
	p, err := newPartner()
	if err != nil {
		return err
	}
	b, err := startBox(ctx, j, p.operatorText())
	if err != nil {
		return err
	}
	if err := watchIdle(b); err != nil {
		return err
	}
	return b.end()
}
