package boot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cobox/appliance/sensors"
	"cobox/seeder/durable"
)

// A Report says how the start went. Init writes it to [RunDir] before the
// programs run, and they read it.
type Report struct {
	// Version is what people call the software, and Built no later than when it was made.
	Version string    `json:"version,omitempty"`
	Built   time.Time `json:"built,omitzero"`
	// Writable says that /perm is there and can be written to. Without that the box
	// keeps nothing and takes no orders: it only says so.
	Writable bool `json:"writable"`
	// Made says that /perm was made at this start: the box is new.
	Made bool `json:"made,omitempty"`
	// Replayed says that the power went away in use; the journal has put that right.
	Replayed bool `json:"replayed,omitempty"`
	// Board is the board that the box runs on, as appliance/board names it.
	Board string `json:"board"`
	// Cloned says that the box was set up on another board: it stays passive until
	// an operator decides.
	Cloned bool `json:"cloned,omitempty"`
	// Cause is why the machine was started, when a program of the box had it started again.
	Cause sensors.Cause `json:"cause,omitempty"`
	// Troubles say, for a person, what is wrong and what to do.
	Troubles []string `json:"troubles,omitempty"`
}

// Passive reports whether the box is to keep out of sight, and to serve no partner.
func (r *Report) Passive() bool { return r.Cloned || !r.Writable }

const reportFile = "report.json"

// maxReport bounds the report, in bytes.
const maxReport = 64 << 10

// trouble adds an error to those that a person is told of.
func (r *Report) trouble(err error) {
	if err != nil {
		r.Troubles = append(r.Troubles, err.Error())
	}
}

// Write writes the report into a folder, which is made if it is not there.
func (r *Report) Write(dir string) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = durable.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(dir, reportFile), text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing how the start went: %w", err)
	}
	return nil
}

// ReadReport reads what [Report.Write] wrote.
func ReadReport(dir string) (r Report, err error) {
	path := filepath.Join(dir, reportFile)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxReport {
		err = errors.New("it is longer than a report can be")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return Report{}, fmt.Errorf("reading how the start went: %w", err)
	}
	return r, nil
}

// clockFile is there once a time server has answered since the box was switched on.
const clockFile = "clock"

// TimeKnown reports whether a time server has answered since the box was switched
// on; dir is init's.
func TimeKnown(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, clockFile))
	return err == nil
}

func noteTimeKnown(dir string) error {
	return durable.WriteFile(filepath.Join(dir, clockFile), nil, 0o644)
}
