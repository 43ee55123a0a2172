// Package update replaces a box's system by a newer one, and goes back when the
// newer one does not work.
//
// A card has two slots for root file systems. The one that runs is never written
// to: a release goes into the other ([Box.Receive]), and the machine starts it
// once, on trial. Only a system that has shown that it works makes itself the one
// that is started from then on ([Trial]); whatever else happens, a power cut at any
// moment, a program that crashes or hangs, a kernel that stops, the next start is
// that of the system before. What a start means for an update under way follows
// from the note that it left in the state folder ([Resume]), and is told to
// operators ([Record]).
//
// A release counts when its manifest has enough signatures by release keys
// (package release) and an operator has ordered it (package chain): neither the
// operators nor those who make releases can put a system on a box alone, and
// whoever carries the bytes cannot do anything but lose them.
package update
