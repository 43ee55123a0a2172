// Package entropy makes the box key of a box that is started for the first time,
// from several sources of which any one is enough.
//
// A board just out of its bag has no clock, no saved seed and few interrupts: what
// its kernel calls random may then be the same on many boards. So the key is
// derived from the kernel's randomness, from the hardware generator where there is
// one, and from a seed that whoever flashed the card wrote to it. A source that
// plainly does not work is refused, rather than believed.
// Reference: pairing, section 4.2.
package entropy
