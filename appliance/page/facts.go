package page

import (
	"time"

	"cobox/appliance/health"
)

// Facts are what the page shows. What is zero is left out.
type Facts struct {
	Host    string // the box's name on its network, such as cobox-7k3f9q
	Tag     string // as on its label
	Version string
	Uptime  time.Duration
	Owner   Owner
	// Window is for how long the box can still be paired, when nobody owns it. It is
	// not positive when the time is over.
	Window time.Duration
	// Addrs are the box's own, for a name that a phone cannot find.
	Addrs  []string
	Health health.Report // its zero value when the box was not examined yet
	Day    []Point       // what [History.Day] returned
}

// Owner says whether somebody owns the box, and if not, why.
type Owner string

// How the ownership of a box may stand.
const (
	Unpaired Owner = "unpaired" // it waits for the code on its label
	Paired   Owner = "paired"
	Retired  Owner = "retired"
	NoCode   Owner = "no-code" // it was never given a code
	Damaged  Owner = "damaged" // what says who owns it cannot be read
)
