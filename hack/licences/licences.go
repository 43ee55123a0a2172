// Command licences lists the modules that our programs and images are made of, with
// the licence of each. It fails when a module has none that it knows: what nobody may
// pass on must not get into an image.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/licensecheck"
)

func main() {
	list, err := modules(".")
	if err == nil {
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, m := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\n", m.path, m.version, strings.Join(m.licences, " or "))
		}
		err = errors.Join(w.Flush(), check(list))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences: error:", err)
		os.Exit(1)
	}
}

// A module is one that something of ours is made of.
type module struct {
	path, version, dir string
	licences           []string // SPDX identifiers, sorted; none when no text is known
}

// programs are what is built from this repository and given to people.
var programs = []string{
	"./appliance/cmd/init", "./appliance/cmd/provisiond", "./appliance/cmd/seederd", "./seeder/cmd/cobox", "./provision/cmd/coboxctl", "./image/cmd/mkimage",
}

// named are the licences of modules that name them without their text.
var named = map[string][]string{
	"github.com/multiformats/go-base36": {"Apache-2.0", "MIT"}, // LICENSE.md: either of them
}

// modules returns the modules of the programs, and those of which images take
// programs and files as they are. root is the repository.
func modules(root string) ([]module, error) {
	const format = "{{.Path}}\t{{.Version}}\t{{.Dir}}"
	text, err := golang(root, append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}" + format + "{{end}}{{end}}"}, programs...)...)
	if err != nil {
		return nil, err
	}
	// go tells the folders only of modules that are there.
	if _, err := golang(root, "mod", "download", "-modfile=image/boards.mod"); err != nil {
		return nil, err
	}
	boards, err := golang(root, "list", "-modfile=image/boards.mod", "-m", "-f", "{{if not .Main}}"+format+"{{end}}", "all")
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	var found []module
	for line := range strings.Lines(text + boards) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 || seen[f[0]+f[1]] {
			continue // of a module that is not needed, go has no folder
		}
		seen[f[0]+f[1]] = true
		m := module{path: f[0], version: f[1], dir: f[2]}
		if m.licences, err = licencesIn(m.dir); err != nil {
			return nil, err
		}
		if len(m.licences) == 0 {
			m.licences = named[m.path]
		}
		found = append(found, m)
	}
	slices.SortFunc(found, func(a, b module) int { return strings.Compare(a.path+a.version, b.path+b.version) })
	return found, nil
}

// golang runs a go command for what goes into images, and returns what it prints.
func golang(root string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, errOut.String())
	}
	return out.String(), nil
}

// names are what files with a licence begin with, in capitals.
var names = []string{"LICENSE", "LICENCE", "COPYING", "UNLICENSE"}

// enough is how much of a file, in percent, must be the text of known licences.
const enough = 60

// licencesIn returns the licences whose texts lie in a module's folder.
func licencesIn(dir string) (ids []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		if e.IsDir() || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(upper, n) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		cov := licensecheck.Scan(text)
		if cov.Percent < enough {
			continue
		}
		for _, m := range cov.Match {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// check names the modules without a known licence.
func check(list []module) error {
	var missing []string
	for _, m := range list {
		if len(m.licences) == 0 {
			missing = append(missing, m.path+" "+m.version)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no known licence: %s", strings.Join(missing, ", "))
	}
	return nil
}
