package cli

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
)

// ReadConfig sets flags from a file of lines "name value" or "name = value";
// names are those of the flags, # begins a comment line. Flags that were given
// on the command line win; a flag that may be given several times may stand on
// several lines.
func ReadConfig(fs *flag.FlagSet, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value := line, ""
		if i := strings.IndexAny(line, "= \t"); i >= 0 {
			name = line[:i]
			value = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line[i:]), "="))
		}
		if given[name] {
			continue
		}
		if fs.Lookup(name) == nil {
			return fmt.Errorf("%s line %d: there is no setting %q", path, n, name)
		}
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("%s line %d: %s: %w", path, n, name, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// Strings is a flag that may be given several times.
type Strings []string

func (s *Strings) String() string { return strings.Join(*s, ",") }

// Set adds a value.
func (s *Strings) Set(v string) error {
	*s = append(*s, v)
	return nil
}

// Bytes is a flag for a number of bytes, with a unit: 200GB, 64MiB, 4096.
type Bytes uint64
