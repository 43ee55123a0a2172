package boot

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// timeFile is where provisiond keeps the last known good time.
const timeFile = "own/time"

// Floor returns the latest time that is known to have passed: the time that the
// software was built at, or the last known good one in the state folder. Boards
// without a clock wake up in 1970.
func Floor(state string, built time.Time) time.Time {
	text, err := os.ReadFile(filepath.Join(state, timeFile))
	if err != nil {
		return built
	}
	kept, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil || kept.Before(built) {
		return built
	}
	return kept
}
