// Command corpus chooses, of what fuzzing has found, the little that is worth keeping:
//
//	make fuzz && go run ./hack/corpus ./seeder/wire
//
// Go keeps inputs that covered something new in its build cache, hundreds for a target.
// Of these corpus puts below the package's testdata/fuzz those that reach statements of the
// package which neither the seeds in the test's code nor inputs chosen before reach, the
// shortest first, at most -most for a target: go test tries them each time.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxBytes is how large an input may be: it lies in the repository.
const maxBytes = 4 << 10

func main() {
	most := flag.Int("most", 20, "how many inputs a target may have")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "usage: go run ./hack/corpus [-most N] PACKAGE...\n\nChooses inputs for the fuzz targets of the packages, as ./seeder/wire.\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	for _, pkg := range flag.Args() {
		if err := choose(pkg, *most); err != nil {
			fmt.Fprintf(os.Stderr, "corpus: error: choosing inputs for %s: %v\n", pkg, err)
			os.Exit(1)
		}
	}
}

var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// choose chooses inputs for all targets of a package.
func choose(pkg string, most int) error {
	tests, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
	if err != nil {
		return err
	}
	var targets []string
	for _, file := range tests {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range fuzzFunc.FindAllSubmatch(text, -1) {
			targets = append(targets, string(m[1]))
		}
	}
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "test")
	if err := run(".", "go", "test", "-c", "-cover", "-covermode=set", "-o", program, pkg); err != nil {
		return err
	}
	found, err := foundFor(pkg)
	if err != nil {
		return err
	}
	for _, name := range targets {
		t := target{pkg: pkg, name: name, program: program, profile: filepath.Join(dir, "profile"), covered: make(map[string]bool)}
		if err := t.choose(filepath.Join(found, name), most); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// foundFor returns the folder in which Go keeps what fuzzing a package has found.
func foundFor(pkg string) (string, error) {
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return "", err
	}
	path, err := exec.Command("go", "list", pkg).Output()
	return filepath.Join(string(bytes.TrimSpace(cache)), "fuzz", string(bytes.TrimSpace(path))), err
}

// A target is a fuzz target, and which statements are known to be reached.
type target struct {
	pkg, name, program, profile string
	covered                     map[string]bool
}

// choose copies inputs from the folder found into the package.
func (t *target) choose(found string, most int) error {
	kept := filepath.Join(t.pkg, "testdata", "fuzz", t.name)
	if _, err := t.reaches("^" + t.name + "$"); err != nil {
		return err
	}
	before, chosen := len(t.covered), 0
	inputs, err := shortestFirst(found)
	if err != nil {
		return err
	}
	old, err := os.ReadDir(kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, in := range inputs {
		if len(old)+chosen >= most {
			break
		}
		file := filepath.Join(kept, in.name)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := errors.Join(os.MkdirAll(kept, 0o755), os.WriteFile(file, in.text, 0o644)); err != nil {
			return err
		}
		more, err := t.reaches("^" + t.name + "$/^" + in.name + "$")
		if err != nil {
			return err
		}
		if more {
			chosen++
			continue
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if chosen == 0 {
		_ = os.Remove(kept) // if there is nothing in it
	}
	fmt.Printf("%s %s: %d of %d inputs chosen; statements reached: %d before, %d with them\n", t.pkg, t.name, chosen, len(inputs), before, len(t.covered))
	return nil
}

// reaches runs some of the target's inputs, and reports whether they reach something new.
func (t *target) reaches(which string) (more bool, err error) {
	if err := run(t.pkg, t.program, "-test.run", which, "-test.coverprofile", t.profile); err != nil {
		return false, err
	}
	text, err := os.ReadFile(t.profile)
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		place, ok := strings.CutSuffix(strings.TrimSpace(line), " 1")
		if ok && !t.covered[place] {
			t.covered[place], more = true, true
		}
	}
	return more, nil
}

type input struct {
	name string
	text []byte
}

// shortestFirst returns the inputs in a folder that are short enough.
func shortestFirst(dir string) (list []input, err error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		if len(text) <= maxBytes {
			list = append(list, input{f.Name(), text})
		}
	}
	slices.SortFunc(list, func(a, b input) int {
		if len(a.text) != len(b.text) {
			return len(a.text) - len(b.text)
		}
		return strings.Compare(a.name, b.name)
	})
	return list, err
}

// run runs a program in a folder.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
