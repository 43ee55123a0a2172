package boot

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// rightsOf says which rights the program with a name runs with, as the kernel has
// them under proc: its user, what it may do as root may (the capabilities that it
// has, and those that it could gain), and whether it can gain anything.
func rightsOf(proc, name string) (string, error) {
	files, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "status"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		fields := map[string]string{}
		for line := range bytes.Lines(text) {
			if key, value, ok := strings.Cut(string(line), ":"); ok {
				fields[key] = strings.Join(strings.Fields(value), " ")
			}
		}
		if fields["Name"] == name {
			return fmt.Sprintf("user %s, capabilities %s of %s, no new privileges %s",
				fields["Uid"], fields["CapEff"], fields["CapBnd"], fields["NoNewPrivs"]), nil
		}
	}
	return "", fmt.Errorf("looking for the rights of %s: it does not run", name)
}
