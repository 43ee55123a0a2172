package interop_test

import "testing"

// Stock swarm peers, which dial nothing but HyperDHT, reach the box through the
// sidecar: a writer by the sidecar's address, a reader by the feed's discovery key.
func TestHyperDHTThroughSidecar(t *testing.T) {
	s := playBox(t)
	b := s.box()
	net := s.peer("testnet.mjs")
	var dht []string
	for _, node := range net.ready.Bootstrap {
		dht = append(dht, "--bootstrap", node)
	}
	w := s.peer("dht-peer.mjs", append(dht, "--storage", s.TempDir(), "--seed", s.Name(), "--blocks", "200", "--size", "20000")...)
	b.pin(w.ready.Key)
	sidecar := s.peer("sidecar.mjs", append(dht, "--state", b.State(), "--host", "127.0.0.1", "--public", "--announce", w.ready.DiscoveryKey)...)
	w.do("meet", with{"publicKey": sidecar.ready.PublicKey})
	w.do("held")
	want := w.do("sum", with{"length": 200})
	w.leave()
	r := s.peer("dht-peer.mjs", append(dht, "--storage", s.TempDir(), "--key", w.ready.Key)...)
	r.do("join")
	if got := r.do("sum", with{"length": want.Length}); !got.same(want) {
		t.Errorf("the reader got %+v, want %+v", got, want)
	}
}
