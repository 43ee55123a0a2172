// Package fat writes the boot volume of a card, and finds files in it.
//
// It is a FAT16 file system in the narrow form that updates rely upon, which
// rewrite the kernel's parameters in place: one copy of the table, and files
// whose clusters lie one after another. So the place of a file is known from its
// entry alone ([Volume.Find]), and it can be overwritten without a mount, as long
// as it keeps its length. Names of more than eight and three characters are there
// as the long names of VFAT, since boards' firmware asks for them.
//
// The form is described in Microsoft's "FAT: General Overview of On-Disk Format",
// version 1.03.
package fat

import "encoding/binary"

const (
	sector       = 512
	clusterBytes = 4096
	perCluster   = clusterBytes / sector
	entrySize    = 32
	rootEntries  = 1024
	reserved     = 1 // sectors before the table: the boot sector
	rootSectors  = rootEntries * entrySize / sector

	firstCluster = 2 // clusters are counted from here
	// What makes a file system FAT16 is how many clusters it has.
	minClusters = 4085
	maxClusters = 65524

	attrVolume = 0x08
	attrFolder = 0x10
	attrFile   = 0x20 // "archive"
	attrLong   = 0x0f

	endOfChain = 0xffff
	media      = 0xf8 // a disk that is not removed
)

var le = binary.LittleEndian
