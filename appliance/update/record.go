package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cobox/appliance/health"
	"cobox/seeder/durable"
)

// A State says how far an update is.
type State string

// The states. The first three change the slot that does not run, and nothing else.
const (
	None      State = ""          // no update was made
	Receiving State = "receiving" // a release is written into the other slot
	Stopped   State = "stopped"   // the release did not come whole; the box is as it was
	Refused   State = "refused"   // what came is not what was ordered or signed; the box is as it was

	Armed      State = "armed"       // the machine starts the release next, once
	OnTrial    State = "trial"       // the release runs, and has to show that it works
	Settled    State = "settled"     // it works, and is started from now on
	RolledBack State = "rolled-back" // it did not work: the system before runs again
)

// Ended reports whether an update in this state will not go on by itself.
func (s State) Ended() bool { return s != Receiving && s != Armed && s != OnTrial }

// A Record is what a box notes of its latest update. It outlasts every restart.
type Record struct {
	State   State  `json:"state,omitempty"`
	Release string `json:"release,omitempty"` // its ID, see [ID]
	Version uint64 `json:"version,omitempty"` // of the release
	From    uint64 `json:"from,omitempty"`    // the version that ran when it came
	// Order is the place in the chain of the order that the release was tried by. An
	// order counts once.
	Order Order `json:"order,omitzero"`
	// Limit is how long the release may take to show that it works, from power-on.
	Limit time.Duration `json:"limit,omitempty"` // nanoseconds
	// Why says what went wrong, for people.
	Why    string    `json:"why,omitempty"`
	Before Condition `json:"before"` // how the box was when the release came
	// Earlier is how the update before this one ended: it stands until this one is tried.
	Earlier health.Update `json:"earlier,omitempty"`
	At      time.Time     `json:"at,omitzero"` // of the latest change, by the box's clock
}

// An Order is the place of an operator's order in the chain.
type Order struct {
	Epoch uint64 `json:"epoch"`
	Seq   uint64 `json:"seq"`
}

// A Condition is what of the things that a release is tried by was well before it:
// a box whose disk is gone can be updated, and is not better off for going back.
type Condition struct {
	Address  bool `json:"address"`  // it had an address on a network
	Store    bool `json:"store"`    // its store was open
	Operator bool `json:"operator"` // an operator's program had spoken with it lately
}

// Health returns what the report on the box's health says of the update.
func (r Record) Health() health.Update {
	switch r.State {
	case Armed, OnTrial:
		return health.Trial
	case Settled:
		return health.Settled
	case RolledBack:
		return health.RolledBack
	}
	return r.Earlier
}

// file is where the record lies in the state folder. It has a folder of its own,
// since init writes it while the authority tidies the folder above.
const (
	dir  = "own/update"
	file = dir + "/record"
)

const maxRecord = 16 << 10 // bytes

// Read returns the record in a state folder. Where there is none it is the zero
// Record.
func Read(state string) (r Record, err error) {
	text, err := os.ReadFile(filepath.Join(state, file))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err == nil && len(text) > maxRecord {
		err = fmt.Errorf("it has %d bytes", len(text))
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading how the last update went: %w", err)
	}
	return r, nil
}

// maxWhy bounds what is kept of an error's text, in bytes.
const maxWhy = 2 << 10

// write makes r the record of a state folder. It is on the disk when it returns.
func write(state string, r Record) error {
	if len(r.Why) > maxWhy {
		r.Why = r.Why[:maxWhy] + " ..."
	}
	r.At = time.Now().UTC().Truncate(time.Second)
	text, err := json.Marshal(r)
	if err == nil {
		err = durable.Mkdir(filepath.Join(state, dir), 0o700)
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, file), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting how the update goes: %w", err)
	}
	return nil
}
