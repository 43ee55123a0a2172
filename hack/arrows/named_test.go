package arrows_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
)

// testsOf returns the names of all tests of the repository.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			all[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNamedTests: the tests that THREATS.md names are in the tree, and each row of a
// table that has a column for tests names one.
func TestNamedTests(t *testing.T) {
	all := testsOf(t)
	text, err := os.ReadFile("../../seeder/THREATS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, tests := 0, false
	for line := range strings.Lines(string(text)) {
		for _, m := range namedTest.FindAllStringSubmatch(line, -1) {
			if !all[m[1]] {
				t.Errorf("THREATS.md names %s, and there is none", m[1])
			}
		}
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			tests = false
		case strings.HasSuffix(line, "| tests |"):
			tests = true
		case tests && !strings.HasPrefix(line, "|---"):
			rows++
			if !namedTest.MatchString(line) {
				t.Errorf("THREATS.md has a row without a test: %s", line)
			}
		}
	}
	if rows < 40 {
		t.Errorf("THREATS.md has %d rows with tests: its tables cannot be read", rows)
	}
}

var caseRow = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)

// TestCases: each acceptance case of CASES.md has a test that is named after it, and the
// tests that are named there are in the tree.
func TestCases(t *testing.T) {
	text, err := os.ReadFile("../../provision/pairing/CASES.md")
	if err != nil {
		t.Fatal(err)
	}
	all := testsOf(t)
	var cases []string
	for _, row := range caseRow.FindAllStringSubmatch(string(text), -1) {
		cases = append(cases, row[1])
		ofItsName := false
		for _, name := range namedTest.FindAllStringSubmatch(row[0], -1) {
			if !all[name[1]] {
				t.Errorf("case %s: there is no %s", row[1], name[1])
			}
			var number int
			_, err := fmt.Sscanf(name[1], "TestCase%02d", &number)
			ofItsName = ofItsName || err == nil && fmt.Sprint(number) == row[1]
		}
		if !ofItsName {
			t.Errorf("case %s has no test of its name", row[1])
		}
	}
	var want []string
	for n := 1; n <= 65; n++ {
		if n <= 40 || n >= 60 {
			want = append(want, fmt.Sprint(n))
		}
	}
	if !slices.Equal(cases, want) {
		t.Errorf("the cases are %v, want 1 to 40 and 60 to 65 in order", cases)
	}
}
