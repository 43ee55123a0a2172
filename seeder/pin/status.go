package pin

import (
	"encoding/json"
	"fmt"
	"time"

	"cobox/seeder/feed"
)

// A State is where a pin stands, in the word that people and programs see.
type State string

// The states. Of several that apply, the last in this list is told.
const (
	Queued      State = "queued"      // nothing of the feed is known yet
	Replicating State = "replicating" // blocks are missing, and come
	Complete    State = "complete"    // all blocks up to the newest tree head are on the disk
	Stalled     State = "stalled"     // blocks are missing, and none has come for [StallAfter]
	OverQuota   State = "over-quota"  // the grant or the disk does not allow what is missing
	Frozen      State = "frozen"      // the feed's writer contradicted himself; a person must look
)

// A Head is what a [Status] tells of a feed's newest tree head.
type Head struct {
	Fork   uint64 `json:"fork"`
	Length uint64 `json:"length"` // blocks
	Bytes  uint64 `json:"bytes"`  // of all blocks
}

// HeadOf returns what a status tells of h.
func HeadOf(h feed.Head) Head { return Head{h.Fork, h.Length, h.Bytes} }

// A Status is how a pin stands. Its JSON form is part of the API (seeder/api).
type Status struct {
	Pin
	State State
	Since time.Time // when the state began; of a stalled pin, when something last came
	Why   string    // one sentence for a person: why it is so and, if need be, what to do
	Head  Head      // the newest tree head; zero when none is known
	// Blocks and HeldBytes count what is synced to the disk.
	Blocks    uint64
	HeldBytes uint64
	Newest    time.Time // when the newest tree head came; zero when none is known
	Peers     int       // connected peers that share the feed
}

// statusJSON is a [Status] as JSON.
type statusJSON struct {
	pinJSON
	State     State   `json:"state"`
	Since     seconds `json:"since"`
	Why       string  `json:"why"`
	Head      Head    `json:"head"`
	Blocks    uint64  `json:"blocks"`
	HeldBytes uint64  `json:"heldBytes"`
	Newest    seconds `json:"newest,omitzero"`
	Peers     int     `json:"peers"`
}

// MarshalJSON writes s as one flat object; times are in whole seconds.
func (s Status) MarshalJSON() ([]byte, error) {
	return json.Marshal(statusJSON{
		s.Pin.toJSON(), s.State, inSeconds(s.Since), s.Why, s.Head,
		s.Blocks, s.HeldBytes, inSeconds(s.Newest), s.Peers,
	})
}

// UnmarshalJSON reads what MarshalJSON writes, and passes over fields that it
// does not know: the box may be newer.
func (s *Status) UnmarshalJSON(b []byte) error {
	var j statusJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("reading status of a pin: %w", err)
	}
	*s = Status{
		j.pin(), j.State, j.Since.Time, j.Why, j.Head,
		j.Blocks, j.HeldBytes, j.Newest.Time, j.Peers,
	}
	return nil
}
