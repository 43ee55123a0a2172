// Package boottest boots boxes in QEMU: real images, with the real kernel, under
// emulation, so that no rights and no hardware are needed.
//
// The harness plays what is around a box: the firmware that loads the kernel with
// the command line on the card, the network with a time server, and the hand that
// pulls the plug ([Guest.Kill] ends QEMU with signal 9; what the guest's kernel has
// not given to the disk by then is lost, as with a real power cut, but for what a
// card's own controller does wrong).
//
// The tests run when they are asked for (go test ./appliance/boottest -boot).
package boottest
