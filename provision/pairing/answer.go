package pairing

import (
	"errors"
	"fmt"
)

// An Answer is the box's answer to a claim. Strangers hear only [Denied]; the
// others are for who has proved to hold the code.
type Answer byte

// The answers.
const (
	OK       Answer = iota
	Denied          // no such code counts here, or it was not proved to be held
	Used            // somebody else has used the code
	Late            // the time after power-on is over in which the box can be claimed
	Far             // the code counts on the box's own network alone
	NoClock         // the box does not know the time, and the code has an end
	Expired         // the code's end is past
	Storage         // the box cannot keep it: its disk fails, or the chain is full or damaged
	WrongFor        // the code is for another kind of key
	answers
)

var (
	// ErrVersion says that the two sides speak different versions.
	ErrVersion = errors.New("the two programs are of different versions")
	// ErrNotThisBox says that whoever answered does not know the code, whatever
	// it said.
	ErrNotThisBox = errors.New("this box does not know your code")
)

// A Refusal is an answer other than [OK], as an error with what to do.
type Refusal struct{ Answer Answer }

func (e *Refusal) Error() string {
	switch e.Answer {
	case Denied:
		return "denied: this code is not for this box, or does not count any more"
	case Used:
		return "this code was used already, by somebody else: if that was not you, reset the box with a reset card"
	case Late:
		return "the time in which the box can be claimed is over: unplug it, plug it in again, and pair within an hour"
	case Far:
		return "this box can be claimed from its own network only: connect to the same network, without a relay or VPN"
	case NoClock:
		return "the box does not know the time yet, and your code has an end: give it a network, and try again in some minutes"
	case Expired:
		return "this code has expired: ask for a new one"
	case Storage:
		return "the box could not keep it: its disk is failing, full or damaged; nothing has changed"
	case WrongFor:
		return "this code is not for that: an invite for partners is used with cobox accept, others with coboxctl pair"
	}
	return fmt.Sprintf("the box gave an answer that this program does not know (%d): update it", e.Answer)
}

// Refuse returns the error that makes a box give this answer.
func Refuse(a Answer) error { return &Refusal{a} }
