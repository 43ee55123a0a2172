package arrows_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// casesFrom returns the numbers of the acceptance cases in a file's tables, and sees to it that
// each has a test that is named after it, and that all named there are in the tree.
func casesFrom(t *testing.T, file string, all map[string]bool) (cases []int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range caseRow.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, n)
		ofItsName := false
		for _, name := range namedTest.FindAllStringSubmatch(row[0], -1) {
			if !all[name[1]] {
				t.Errorf("case %d: there is no %s", n, name[1])
			}
			ofItsName = ofItsName || strings.HasPrefix(name[1], fmt.Sprintf("TestCase%02d", n))
		}
		if !ofItsName {
			t.Errorf("case %d has no test of its name", n)
		}
	}
	return cases
}

// TestCases: each acceptance case has a row, in CASES.md or in THREATS.md.
func TestCases(t *testing.T) {
	all := testsOf(t)
	people := casesFrom(t, "../../provision/pairing/CASES.md", all)
	boxes := casesFrom(t, "../../seeder/THREATS.md", all)
	var wantPeople, wantBoxes []int
	for n := 1; n <= 68; n++ {
		if n <= 40 || n >= 60 {
			wantPeople = append(wantPeople, n)
		} else {
			wantBoxes = append(wantBoxes, n)
		}
	}
	if !slices.Equal(people, wantPeople) {
		t.Errorf("CASES.md has the cases %v, want 1 to 40 and 60 to 68 in order", people)
	}
	if !slices.Equal(boxes, wantBoxes) {
		t.Errorf("THREATS.md has the cases %v, want 41 to 59 in order", boxes)
	}
}
