// Command guard sees to it that what is hot does not become slow:
//
//	make bench-guard
//
// It runs the Go benchmarks of the hot paths in rounds, each round between two runs of a
// calibration loop. What counts of a round is the best time of each, and what is compared is
// how often the loop would have run meanwhile: so neither a machine that is slow nor one
// that is busy with other things decides. benchstat compares the rounds with those in
// recorded.txt. A benchmark that has lost a fifth of its speed, and not by chance, fails.
//
// Ratios hold for one kind of processor: on another one, record there first (-record), at
// the commit to be compared with.
package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// recorded is the file with what is compared with, from the top of the repository.
const recorded = "hack/bench/guard/recorded.txt"

// A path is benchmarks of one package, and how long and how often they run in a round.
type path struct {
	pkg, bench, time string
	count            int
}

// paths are what a block comes across, from the folder to the box and back.
var paths = []path{
	{"seeder/lanes", "^BenchmarkSum256$", "3ms", 40},                            // block hash
	{"seeder/feed", "^Benchmark(VerifyBlock|VerifyUpgrade|Append)$", "3ms", 40}, // proofs
	{"seeder/wire", "^Benchmark(AppendData|ParseData|Requests)$", "3ms", 40},    // messages
	{"seeder/store", "^Benchmark(Put64K|Block)$", "256x", 10},                   // into the store with proofs, and out
	{"seeder/space", "^Benchmark(Backup|Restore)$", "1x", 4},                    // chunks and packs, and back
	{"seeder/secretstream", "^Benchmark(Seal|Open)$", "3ms", 40},                // the noise channel
	{"seeder/swarm", "^BenchmarkStream$/^TCP$", "200x", 10},                     // libp2p's
	{"seeder/replicate", "^BenchmarkSession$/^65536_bytes$", "256x", 10},        // a session
}

func main() {
	record := flag.Bool("record", false, "write down what is measured, instead of comparing")
	rounds := flag.Int("rounds", 8, "how many rounds")
	only := flag.String("only", "", "only packages whose name matches this")
	flag.Parse()
	if err := guard(*record, *rounds, *only); err != nil {
		fmt.Fprintf(os.Stderr, "bench-guard: error: %v\n", err)
		os.Exit(1)
	}
}

func guard(record bool, rounds int, only string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "guard")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	measured, err := measure(dir, rounds, match)
	if err != nil {
		return err
	}
	if record {
		return os.WriteFile(recorded, measured, 0o644)
	}
	old, err := os.ReadFile(recorded)
	if err != nil {
		return err
	}
	if was, is := processor(old), processor(measured); was != is {
		return fmt.Errorf("recorded on %q, and this is %q: ratios do not compare (on the commit before: make bench-guard RECORD=1)", was, is)
	}
	file := filepath.Join(dir, "measured.txt")
	if err := os.WriteFile(file, measured, 0o600); err != nil {
		return err
	}
	compare := func(args ...string) ([]byte, error) {
		cmd := exec.Command("go", append([]string{"tool", "-modfile=hack/tools.mod", "benchstat"}, append(args, "recorded="+recorded, "measured="+file)...)...)
		cmd.Stderr = os.Stderr
		return cmd.Output()
	}
	text, err := compare()
	if err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	fmt.Print(string(text))
	table, err := compare("-format", "csv")
	if err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	return judge(table)
}

// unit is what a benchmark takes: so many runs of the calibration loop.
const unit = "loops/op"

// measure runs all benchmarks and returns their ratios, as go test prints benchmarks.
func measure(dir string, rounds int, match *regexp.Regexp) ([]byte, error) {
	var out bytes.Buffer
	for _, p := range paths {
		if !match.MatchString(p.pkg) {
			continue
		}
		program := filepath.Join(dir, strings.ReplaceAll(p.pkg, "/", "-"))
		if text, err := exec.Command("go", "test", "-c", "-o", program, "./"+p.pkg).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the tests of %s: %w\n%s", p.pkg, err, text)
		}
		fmt.Fprintf(&out, "pkg: cobox/%s\n", p.pkg)
		for n := range rounds {
			fmt.Fprintf(os.Stderr, "\rbench-guard: %s, %d of %d        ", p.pkg, n+1, rounds)
			text, err := p.round(program)
			if err != nil {
				return nil, err
			}
			out.Write(text)
		}
	}
	fmt.Fprintln(os.Stderr)
	return out.Bytes(), nil
}

// round runs the benchmarks once.
func (p path) round(program string) ([]byte, error) {
	before := calibrate()
	cmd := exec.Command(program, "-test.run", "^$", "-test.bench", p.bench, "-test.benchtime", p.time, "-test.count", strconv.Itoa(p.count))
	cmd.Dir = p.pkg
	cmd.Env = os.Environ()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		cmd.Env = append(cmd.Env, "TMPDIR=/dev/shm") // the disk's mood is not what is measured
	}
	text, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", p.pkg, err, text)
	}
	return ratios(text, min(before, calibrate()))
}

var (
	benchLine = regexp.MustCompile(`^(Benchmark\S+)\s+\d+\s+([0-9.]+) ns/op`)
	cpuLine   = regexp.MustCompile(`(?m)^cpu: .*$`)
)

// ratios returns what go test printed, with the best result of each benchmark as a ratio to
// a loop of so many nanoseconds.
func ratios(text []byte, loop float64) ([]byte, error) {
	var out bytes.Buffer
	var names []string
	best := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		if cpuLine.MatchString(line) {
			out.WriteString(line)
		}
		m := benchLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		ns, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		was, seen := best[m[1]]
		if !seen {
			names, was = append(names, m[1]), ns
		}
		best[m[1]] = min(was, ns)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there are no results in\n%s", text)
	}
	for _, name := range names {
		fmt.Fprintf(&out, "%s 1 %.6g %s\n", name, best[name]/loop, unit)
	}
	return out.Bytes(), nil
}

// processor returns which one benchmarks ran on.
func processor(text []byte) string { return string(cpuLine.Find(text)) }

// slower is by what part the time of a benchmark may grow: a quarter more time is a fifth less
// speed.
const slower = 0.25

// judge reads benchstat's table. An error names what has become slow.
func judge(table []byte) error {
	r := csv.NewReader(bytes.NewReader(table))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return fmt.Errorf("reading benchstat's table: %w", err)
	}
	var errs []error
	compared := 0
	for _, row := range rows {
		// name, recorded, its spread, measured, its spread, the difference, how sure
		if len(row) < 7 || row[0] == "" || row[0] == "geomean" {
			continue
		}
		if _, err := strconv.ParseFloat(row[1], 64); err != nil {
			continue // a head line
		}
		compared++
		percent, ok := strings.CutSuffix(row[5], "%")
		if !ok {
			continue // "~": by chance
		}
		by, err := strconv.ParseFloat(percent, 64)
		if err != nil {
			return fmt.Errorf("reading benchstat's table: %w", err)
		}
		if by > 100*slower {
			errs = append(errs, fmt.Errorf("%s takes %.0f %% more time than is recorded (%s)", row[0], by, row[6]))
		}
	}
	if compared == 0 {
		return errors.New("nothing could be compared")
	}
	return errors.Join(errs...)
}
