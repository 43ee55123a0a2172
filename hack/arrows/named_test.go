package arrows_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
)

// TestNamedTests: the tests that THREATS.md names are in the tree, and each row of a
// table that has a column for tests names one.
func TestNamedTests(t *testing.T) {
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
