// Package boot is what a box does between the kernel and its programs: it makes
// or mounts /perm, takes in what was written to the card when it was flashed, makes
// the box key, sets the clock and the host name, and says which programs run with
// which rights.
//
// The box's init calls it; gokrazy, under which the programs run, is behind
// package supervise. Whatever goes wrong here is said in the [Report], which the
// authority hands on to operators: a box that cannot be reached is the worst
// outcome, so nothing here ends the start but what makes it impossible.
//
// No step formats, repairs or deletes what may be somebody's data. A /perm that
// cannot be written to leads to a box that only says so.
package boot

// Where a box keeps things.
const (
	// Perm is the part of the card that is written to.
	Perm = "/perm"
	// StateDir is the state folder of both daemons.
	StateDir = Perm + "/cobox"
	// RunDir is where init says how the start went. It is gone with the power.
	RunDir = "/run/cobox"
	// DiskDir is a folder with nothing in it but the place of the data disk, DataDisk.
	// What seederd may do it may do below this folder: rights do not follow a mount point.
	DiskDir  = RunDir + "/disk"
	DataDisk = DiskDir + "/data"
)

// The user and the group of seederd. On a box nobody else has them.
const (
	SeederUser  = 900
	SeederGroup = 900
)
