package swarm

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"
)

// The address at which a person reaches a box is known for longer than libp2p knows one
// that the box does not announce: the box may start anew while somebody waits for it.
func TestGivenAddressIsKept(t *testing.T) {
	start := func(listen ...string) *Host {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := New(Config{Key: key, Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	box, client := start("/ip4/0.0.0.0/tcp/0"), start()
	_, port, ok := strings.Cut(box.Addrs()[0], "/tcp/")
	if !ok {
		t.Fatalf("the box is at %v", box.Addrs())
	}
	given := "/ip4/127.9.9.9/tcp/" + port // of this computer, and not announced
	id, err := client.Connect(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	store := client.p2p.Peerstore()
	store.UpdateAddrs(peer.ID(id), peerstore.TempAddrTTL, 0) // two minutes later
	want, _, _ := strings.Cut(given, "/p2p/")
	if !slices.ContainsFunc(store.Addrs(peer.ID(id)), func(a multiaddr.Multiaddr) bool { return fmt.Sprint(a) == want }) {
		t.Errorf("%s is forgotten, %v is known", want, store.Addrs(peer.ID(id)))
	}
}
