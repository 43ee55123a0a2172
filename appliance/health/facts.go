package health

import (
	"time"

	"cobox/appliance/sensors"
	"cobox/seeder/pin"
)

// The names of a box's volumes, see [sensors.VolumeAt]. They may be the same file
// system on a box without a data disk; it then has the data volume alone.
const (
	StateVolume = "state" // the box key, the chain of orders
	DataVolume  = "data"  // the store
)

// Facts is what a box is judged by. Its zero values stand for facts that nobody knows.
type Facts struct {
	At       time.Time // now, by the box's clock
	Machine  sensors.Reading
	Clock    Clock
	Reach    Reach
	Update   Update
	Operator Operator
	Seeder   *Seeder // nil when nobody asked it yet
}

// Clock is what is known of the box's clock.
type Clock struct {
	// NotBefore is a time that has passed for certain, such as when the program was
	// built or the last order was signed.
	NotBefore time.Time
	// Offset is by how much the clock was ahead of the true time when it was last
	// compared with a time server (behind when negative); nil when it never was.
	Offset   *time.Duration
	Compared time.Time // when it was
}

// Reach says how others reach the box from outside its local network.
type Reach string

// The ways, the best first.
const (
	UnknownReach Reach = ""
	Direct       Reach = "direct"       // by an address that the world can dial
	HolePunched  Reach = "hole-punched" // both sides dial at once
	Relayed      Reach = "relayed"      // by way of a relay, slowly
	Unreachable  Reach = "none"
)

// Reaches are all ways, [UnknownReach] left out.
var Reaches = [...]Reach{Direct, HolePunched, Relayed, Unreachable}

// Update says how the last update of the box's image went.
type Update string

// The states of an update.
const (
	NoUpdate   Update = ""            // none was made, or the box has no update slots
	Settled    Update = "settled"     // the image has shown that it works
	Trial      Update = "trial"       // the image is new, and still has to
	RolledBack Update = "rolled-back" // the image did not work: the one before it runs again
)

// Updates are all states, [NoUpdate] left out.
var Updates = [...]Update{Settled, Trial, RolledBack}

// Operator is what is known of the people who look after the box.
type Operator struct {
	Paired bool
	Seen   time.Time // when an operator's program last spoke with the box; zero for never
}

// Seeder is what the seeder says of itself.
type Seeder struct {
	Answers bool         // it runs, and answered just now; all below is unknown otherwise
	Store   StoreTrouble // why the store did not open; "" when it is open
	Errors  uint64       // of the store's disk, in the last hour
	Scrub   Scrub
	Pins    Pins
}

// StoreTrouble says why a store did not open, in one word.
type StoreTrouble string

// The troubles, by the errors of seeder/store.
const (
	StoreOpen    StoreTrouble = ""
	StoreDamaged StoreTrouble = "damaged"
	StoreNewer   StoreTrouble = "newer" // a newer program wrote it
	StoreForeign StoreTrouble = "foreign"
	StoreOther   StoreTrouble = "other"
	StoreGone    StoreTrouble = "gone"   // its disk is not there
	StoreMoving  StoreTrouble = "moving" // to the data disk
)

// Scrub is what the reading back of all blocks has found.
type Scrub struct {
	Since    time.Time // since when there is anything to read back; zero for nothing yet
	Finished time.Time // when a whole round last ended; zero for never
	Damaged  uint64    // blocks found damaged that are not whole again
}

// Pins counts pins by state.
type Pins struct {
	ByState map[pin.State]int
	// Behind is how long the pin that has been incomplete for longest has been so.
	Behind time.Duration
}
