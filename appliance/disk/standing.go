package disk

// A State is how a box's data disk is, in one word.
type State string

// The states of a data disk.
const (
	None    State = ""        // the box has none: its store is on the card
	Making  State = "making"  // its file system is being made
	Here    State = "here"    // it is mounted
	Gone    State = "gone"    // it is not connected
	Damaged State = "damaged" // its file system is damaged, and nothing is written to it
	Wrong   State = "wrong"   // what is connected in its place is not it
)

// A Standing is how a box's data disk is.
type Standing struct {
	Disk  string `json:"disk,omitempty"` // its text, as it was ordered
	ID    string `json:"id,omitempty"`   // the UUID of its file system
	State State  `json:"state,omitempty"`
	Why   string `json:"why,omitempty"` // for a person, what is wrong and what to do
	// Next is the disk that takes its place, once what is kept has moved there; nil for
	// none.
	Next *Standing `json:"next,omitempty"`
	// Refused is the number of the last order to adopt or to give up a disk, if the box
	// did not do it; WhyNot says why.
	Refused uint64 `json:"refused,omitempty"`
	WhyNot  string `json:"whyNot,omitempty"`
}
