// Package perm makes and mounts /perm, the one part of a box's card that is
// written to.
//
// An image comes without it. On the first boot the file system is made first,
// behind the root partitions, and the partition table names it last: after a
// power cut at any moment there is no /perm, and it is made again, or there is a
// whole one. The table is the only thing that decides: a partition 4 that cannot
// be mounted, or that looks damaged, is never made anew. It is mounted read-only
// or not at all, and a person is told (see [Mounted]).
//
// Reading tables and super blocks, and writing both, works on any file; mounting
// needs Linux and root.
package perm
