// Package kill kills a real seederd with SIGKILL while a partner sends it blocks,
// over and over, and looks each time whether what it has acknowledged is on the disk:
//
//	make kill200
//
// Nothing of the machine fails here, so that all that was written is there: what of it
// was synced, hack/rig/torture and the tests of the store look after, and in QEMU make
// powercut.
package kill
