package swarm_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"testing"

	"cobox/seeder/swarm"
)

func TestPeerID(t *testing.T) {
	key := testKey("box").Public().(ed25519.PublicKey)
	id := testID(t, "box")
	// The peer ID specification: identity multihash (00, length) of a protobuf with
	// the key's type (08 01: Ed25519) and its bytes (12 20).
	if got, want := hex.EncodeToString([]byte(id)), "002408011220"+hex.EncodeToString(key); got != want {
		t.Errorf("peer ID is %s, want %s", got, want)
	}
	again, err := swarm.ParsePeerID(id.String())
	if err != nil || again != id {
		t.Errorf("ParsePeerID(%s) = %s, %v", id, again, err)
	}
	got, err := id.PublicKey()
	if err != nil || !got.Equal(key) {
		t.Errorf("PublicKey() = %x, %v, want %x", got, err, key)
	}
	for _, bad := range []string{"", "12D3Koo", "box", id.String() + "x", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5"} {
		if got, err := swarm.ParsePeerID(bad); err == nil {
			t.Errorf("ParsePeerID(%q) = %s", bad, got)
		}
	}
	for _, bad := range []swarm.PeerID{"", "x", id[:20], "\x12\x20" + swarm.PeerID(key)} {
		if got, err := bad.PublicKey(); err == nil {
			t.Errorf("PublicKey of %x = %x", string(bad), got)
		}
	}
	if _, err := swarm.PeerIDFromKey(key[:31]); err == nil {
		t.Error("a peer ID was made from 31 bytes")
	}
}

func FuzzParsePeerID(f *testing.F) {
	f.Add("12D3KooWK88Hydn3oEcbmL58UTLEBbf4FGDxe1k1fh87f1XeYKEe")
	f.Add("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")
	f.Add("k51qzi5uqu5dkkciu33khkzbcmxtyhn376i1e83tya8kuy7z9euedzyr5nhoew")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := swarm.ParsePeerID(s)
		if err != nil {
			return
		}
		again, err := swarm.ParsePeerID(id.String())
		if err != nil || again != id {
			t.Errorf("%q -> %s -> %s, %v", s, id, again, err)
		}
		_, _ = id.PublicKey() // must not panic
	})
}
