package update_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/sensors"
	"cobox/appliance/update"
)

// Why the machine was started again is told once, and only when a program had noted it.
func TestRestart(t *testing.T) {
	state := t.TempDir()
	take := func(want sensors.Cause) {
		t.Helper()
		if got, err := update.TakeRestart(state); got != want || err != nil {
			t.Errorf("TakeRestart = %q, %v; want %q", got, err, want)
		}
	}
	take(sensors.UnknownCause)
	for _, why := range []sensors.Cause{sensors.Updated, sensors.Requested} {
		if err := update.NoteRestart(state, why); err != nil {
			t.Fatal(err)
		}
		take(why)
		take(sensors.UnknownCause)
	}
	for _, text := range []string{"", "hunger", strings.Repeat("x", 1<<16)} {
		if err := os.WriteFile(filepath.Join(state, "own/update/restart"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		take(sensors.UnknownCause)
		take(sensors.UnknownCause)
	}
}
