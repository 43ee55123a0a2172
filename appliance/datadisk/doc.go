// Package datadisk gives a box its data disk: it carries out an operator's order to
// adopt one, and mounts that one, and no other, whenever it is connected. What is on
// such a disk is in seeder/shelf/SHELF.md.
//
// It is part of the authority, which has the right to mount. The store, its move to the
// disk and everything in it are seederd's business: it sees a disk appear at the mount
// point, and go. Where no disk is mounted there is an empty file system that cannot be
// written to, so that nothing ever lands on the card in the disk's place.
//
// A disk is only written to by an order that names it, with its serial number, and only
// when it is blank or the order says that what is on it may go. An order that cannot be
// carried out at once is refused for good: it must not come true some day when somebody
// plugs in a disk.
package datadisk
