package boot

import (
	"fmt"
	"os"
	"time"

	"cobox/appliance/release"
)

// software reads what runs here from a root file system: what people call it, and
// the time that its files have, which is that of the commit that it was built from.
func software(file string) (version string, built time.Time, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("reading which version this is: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", info.ModTime(), fmt.Errorf("reading which version this is: %w", err)
	}
	s, err := release.ParseSystem(text)
	if err != nil {
		return "", info.ModTime(), fmt.Errorf("reading which version this is: %w", err)
	}
	return s.Name, info.ModTime().UTC(), nil
}
