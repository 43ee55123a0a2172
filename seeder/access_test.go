package seeder

import (
	"fmt"
	"testing"

	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// A device is familiar once it was admitted, also when it has left, and strangers never
// are. What is remembered is bounded.
func TestFamiliar(t *testing.T) {
	a := &access{devices: make(map[identity.PeerID]identity.DeviceCert), seen: make(map[identity.PeerID]struct{})}
	name := func(i int) identity.PeerID { return identity.PeerID(fmt.Sprint("device ", i)) }
	if a.familiar(swarm.PeerID(name(0))) {
		t.Error("a stranger is familiar")
	}
	for i := range 2 * maxDevices {
		if err := a.admit(name(i), identity.DeviceCert{}); err != nil {
			t.Fatal(err)
		}
		a.left(name(i))
		if !a.familiar(swarm.PeerID(name(i))) {
			t.Fatalf("device %d is not familiar after it was here", i)
		}
	}
	if len(a.seen) > maxDevices {
		t.Errorf("%d devices are remembered, want at most %d", len(a.seen), maxDevices)
	}
}
