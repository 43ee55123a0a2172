package health

// A Check is the name of one thing that is looked at.
type Check string

// The checks, in the order in which a person should look at them.
const (
	CheckPower       Check = "power"       // the supply's voltage
	CheckTemperature Check = "temperature" // of the processor and the disks
	CheckDisk        Check = "disk"        // present
	CheckFilesystem  Check = "filesystem"  // writable and without errors
	CheckWear        Check = "wear"        // of the card or disk
	CheckSpace       Check = "space"
	CheckNetwork     Check = "network" // a cable or a radio network
	CheckAddress     Check = "address" // given by the router
	CheckClock       Check = "clock"
	CheckSeeder      Check = "seeder" // the program that keeps the feeds runs
	CheckStore       Check = "store"  // opens, and reads and writes without errors
	CheckScrub       Check = "scrub"  // all blocks were read back and are whole
	CheckReach       Check = "reach"  // from outside the local network
	CheckPins        Check = "pins"   // complete
	CheckOperator    Check = "operator"
	CheckUpdate      Check = "update"
)

// A State is how a check turned out.
type State string

// The states, the best first.
const (
	OK      State = "ok"
	Unknown State = "unknown" // the facts are missing
	Blocked State = "blocked" // by a failed check above it: not judged
	Warning State = "warning" // it works, and somebody should look soon
	Failed  State = "failed"  // it does not work
)

// States are all states, the best first.
var States = [...]State{OK, Unknown, Blocked, Warning, Failed}

// Worse reports whether s is worse than t.
func (s State) Worse(t State) bool { return s.rank() > t.rank() }

func (s State) rank() int {
	for i, state := range States {
		if state == s {
			return i
		}
	}
	return len(States) // no state of ours is worse than any
}

// A node is a check's place in the tree.
type node struct {
	check Check
	// needs are the checks without which this one cannot be judged; the first is the
	// one under which it stands in the tree.
	needs []Check
	judge func(f *Facts) verdict
}

// A verdict is a finding with the figures for its sentence.
type verdict struct {
	finding Finding
	args    args
}

// tree is in an order in which each check stands after those that it needs.
func tree() []node {
	return []node{
		{CheckPower, nil, judgePower},
		{CheckTemperature, nil, judgeTemperature},
		{CheckDisk, nil, judgeDisk},
		{CheckFilesystem, []Check{CheckDisk}, judgeFilesystem},
		{CheckWear, []Check{CheckDisk}, judgeWear},
		{CheckSpace, []Check{CheckDisk}, judgeSpace},
		{CheckNetwork, nil, judgeNetwork},
		{CheckAddress, []Check{CheckNetwork}, judgeAddress},
		{CheckClock, []Check{CheckAddress}, judgeClock},
		{CheckSeeder, nil, judgeSeeder},
		{CheckStore, []Check{CheckSeeder, CheckDisk, CheckFilesystem}, judgeStore},
		{CheckScrub, []Check{CheckStore}, judgeScrub},
		{CheckReach, []Check{CheckAddress, CheckSeeder}, judgeReach},
		{CheckPins, []Check{CheckStore, CheckSpace, CheckAddress}, judgePins},
		{CheckOperator, []Check{CheckAddress}, judgeOperator},
		{CheckUpdate, nil, judgeUpdate},
	}
}

// Checks returns all checks, in the order in which a person should look at them.
func Checks() []Check {
	nodes := tree()
	list := make([]Check, len(nodes))
	for i, n := range nodes {
		list[i] = n.check
	}
	return list
}
