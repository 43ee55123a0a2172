package pairing_test

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
	tests    = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	caseRow  = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)
	testName = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
)

// TestCases: each acceptance case of CASES.md has a test that is named after it,
// and the tests that are named there are in the tree.
func TestCases(t *testing.T) {
	text, err := os.ReadFile("CASES.md")
	if err != nil {
		t.Fatal(err)
	}
	all := testsUnder(t, "../..")
	var cases []string
	for _, row := range caseRow.FindAllStringSubmatch(string(text), -1) {
		cases = append(cases, row[1])
		ofItsName := false
		for _, name := range testName.FindAllStringSubmatch(row[0], -1) {
			if !slices.Contains(all, name[1]) {
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

// testsUnder returns the names of all tests in a folder and those under it.
func testsUnder(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range tests.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
