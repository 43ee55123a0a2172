package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cobox/appliance/sensors"
	"cobox/seeder/durable"
)

// restartFile is where a program notes why it starts the machine again.
const restartFile = dir + "/restart"

// NoteRestart notes in a state folder why the machine is about to be started again:
// the next start is told by [TakeRestart].
func NoteRestart(state string, why sensors.Cause) error {
	err := durable.Mkdir(filepath.Join(state, dir), 0o700)
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, restartFile), []byte(why), 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting why the machine is started again: %w", err)
	}
	return nil
}

// TakeRestart returns why the machine was started again, once; [sensors.UnknownCause]
// when no program of the box did that.
func TakeRestart(state string) (sensors.Cause, error) {
	path := filepath.Join(state, restartFile)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sensors.UnknownCause, nil
	}
	var text []byte
	if err == nil && info.Size() <= maxCause {
		text, err = os.ReadFile(path)
	}
	if err == nil {
		err = durable.Remove(path)
	}
	if err != nil {
		return sensors.UnknownCause, fmt.Errorf("finding out why the machine was started again: %w", err)
	}
	if why := sensors.Cause(text); slices.Contains(sensors.Causes[:], why) {
		return why, nil
	}
	return sensors.UnknownCause, nil
}

// maxCause bounds a cause, in bytes.
const maxCause = 64
