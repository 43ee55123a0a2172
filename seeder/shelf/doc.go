// Package shelf says where a box's store is: on its card, or on the data disk that it
// was given, and moves it from the one to the other. SHELF.md beside it says what is on
// a data disk, and in which states a store can be.
//
// Two files decide. The mark, on the data disk, says whose disk it is. The note, on the
// card, where the store was, says that the store is on the disk with that mark. Without
// the note the store on the card counts, with it the one on the disk, and nothing else
// decides: so there is exactly one store at any moment, whenever the power goes away.
//
// The disk is mounted by others, with more rights. Here it is only looked at: what is
// not the box's own disk, or is not there, is never written to.
package shelf
