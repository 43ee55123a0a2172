package update

import (
	"fmt"
	"os"

	"cobox/appliance/release"
)

// RunningSystem returns what the root file system says that it is.
func RunningSystem() (release.System, error) {
	text, err := os.ReadFile(release.SystemFile)
	if err != nil {
		return release.System{}, fmt.Errorf("finding out what system runs: %w", err)
	}
	return release.ParseSystem(text)
}
