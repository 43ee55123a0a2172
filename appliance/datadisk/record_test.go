package datadisk_test

import (
	"testing"

	"cobox/appliance/datadisk"
)

// The UUID of a disk is made as SHELF.md says. The digest below was made by sha256sum of
// the five lines; the bits of the version and the variant are set in it.
func TestID(t *testing.T) {
	o := datadisk.Order{Epoch: 1, Seq: 7, Disk: "SanDisk Ultra, serial 4C530001, 64 GB"}
	const want = "95f444b8-f84e-86de-8936-91725b77efba"
	if _, got := o.ID("12D3KooWBox"); got != want {
		t.Errorf("ID = %s, want %s", got, want)
	}
	o.Erase = true // what may go is no part of what a disk is
	if _, got := o.ID("12D3KooWBox"); got != want {
		t.Errorf("ID of an order that may erase = %s, want %s", got, want)
	}
}
