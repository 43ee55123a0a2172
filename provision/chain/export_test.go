package chain

import "cobox/seeder/identity"

// A Disk is what a log needs of its folder; the tests have one that fails.
type Disk = disk

// ReservePiece is what the log gives up of its reserve at a time.
const ReservePiece = reservePiece

// OpenOn opens the log on d, as Open does in a folder.
func OpenOn(d Disk, box identity.BoxKey) (*Log, error) { return open(d, box) }

// OpenFolder returns the disk that Open uses.
func OpenFolder(dir string) (Disk, error) { return openFolder(dir) }
