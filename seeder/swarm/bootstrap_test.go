package swarm

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A bootstrap peer that puts us out again and again is left alone for longer and
// longer; one that had kept us is dialled again at once.
func TestRetry(t *testing.T) {
	var r retry
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		if got := r.after(11 * time.Second); got != want*time.Second {
			t.Fatalf("pause %d is %v, want %v", i, got, want*time.Second)
		}
	}
	if got := r.after(lasting); got != firstRetry {
		t.Errorf("after a connection that lasted the pause is %v", got)
	}
}

// A host whose DHT knows two buckets full of servers does without bootstrap peers.
func TestNeedsBootstrap(t *testing.T) {
	h := runHost(t, "box", Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}, DHT: DHTServer})
	table := h.dht.RoutingTable()
	for i := 0; table.Size() < enoughServers; i++ {
		if !h.needsBootstrap() {
			t.Fatalf("with %d servers none is needed", table.Size())
		}
		if i == 1000 {
			t.Fatalf("of %d servers the table took %d", i, table.Size())
		}
		seed := sha256.Sum256(fmt.Append(nil, "server ", i))
		id, err := PeerIDFromKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = table.TryAddPeer(peer.ID(id), true, false) // full buckets refuse
	}
	if h.needsBootstrap() {
		t.Errorf("with %d servers one is needed", table.Size())
	}
}
