package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// samples are what benchmarks have measured, times a factor, with some noise.
func samples(factor float64) (b bytes.Buffer) {
	b.WriteString("pkg: cobox/seeder/feed\ncpu: Test\n")
	for n := range 8 {
		for _, name := range []string{"VerifyBlock", "Append"} {
			by := 1.0
			if name == "Append" {
				by = factor
			}
			fmt.Fprintf(&b, "Benchmark%s-2 1 %g %s\n", name, by*(10+float64(n*5%8)/10), unit)
		}
	}
	return b
}

// TestJudge: benchstat tells a slowdown of a third from noise, and from what became faster.
func TestJudge(t *testing.T) {
	dir := t.TempDir()
	table := func(factor float64) []byte {
		var files []string
		for name, f := range map[string]float64{"recorded": 1, "measured": factor} {
			text := samples(f)
			if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, name+"="+filepath.Join(dir, name))
		}
		if strings.HasPrefix(files[0], "measured") {
			files[0], files[1] = files[1], files[0]
		}
		cmd := exec.Command("go", append([]string{"tool", "-modfile=hack/tools.mod", "benchstat", "-format", "csv"}, files...)...)
		cmd.Dir = "../../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for factor, fails := range map[float64]bool{0.5: false, 1: false, 1.1: false, 1.2: false, 1.35: true, 3: true} {
		text := table(factor)
		if err := judge(text); (err != nil) != fails || err != nil && !strings.Contains(err.Error(), "Append") {
			t.Errorf("times %v: %v\n%s", factor, err, text)
		}
	}
	if err := judge([]byte("goos: linux\n")); err == nil {
		t.Error("an empty table has a verdict")
	}
}

// TestRecorded: all benchmarks that are guarded are recorded, and are in the tree.
func TestRecorded(t *testing.T) {
	text, err := os.ReadFile("recorded.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		_, rest, ok := strings.Cut(string(text), "pkg: cobox/"+p.pkg+"\n")
		if part, _, _ := strings.Cut(rest, "pkg: "); !ok || !strings.Contains(part, unit) {
			t.Errorf("%s is not recorded", p.pkg)
		}
		names, err := filepath.Glob(filepath.Join("../../..", p.pkg, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(p.bench, "/")
		found := false
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Benchmark\w+)\(`).FindAllSubmatch(source, -1) {
				found = found || regexp.MustCompile(top).Match(m[1])
			}
		}
		if !found {
			t.Errorf("%s has no benchmark %s", p.pkg, p.bench)
		}
	}
}

func TestRatios(t *testing.T) {
	out, err := ratios([]byte("goos: linux\ncpu: Some CPU\nBenchmarkX-2   \t  10\t 7000 ns/op\nBenchmarkX-2   \t  10\t 5000 ns/op\t 3 MB/s\nPASS\n"), 1000)
	if want := "cpu: Some CPU\nBenchmarkX-2 1 5 loops/op\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v, want %q", out, err, want)
	}
	if _, err := ratios([]byte("PASS\n"), 1000); err == nil {
		t.Error("no results are no error")
	}
}
