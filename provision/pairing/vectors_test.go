package pairing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"cobox/provision/label"
	"cobox/seeder/identity"
)

var update = flag.Bool("update", false, "write the vectors anew")

// A vector is one exchange, all of it in hex.
type vector struct {
	BoxSeed    string `json:"boxSeed"`
	ClientSeed string `json:"clientSeed"` // of the client's peer ID, and the new key
	ClaimSeed  string `json:"claimSeed"`
	BoxNonce   string `json:"boxNonce"`
	Nonce      string `json:"clientNonce"`
	Kind       Kind   `json:"kind"`
	SealedName string `json:"sealedName"`
	Epoch      uint64 `json:"epoch"`
	Seq        uint64 `json:"seq"`

	Transcript string `json:"transcript"`
	Hello      string `json:"hello"`
	Claim      string `json:"claim"`
	Accept     string `json:"accept"`
}

// fill computes what follows from the first part.
func (v *vector) fill(t *testing.T) {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	box, client, holder := ed25519.NewKeyFromSeed(unhex(v.BoxSeed)), ed25519.NewKeyFromSeed(unhex(v.ClientSeed)), ed25519.NewKeyFromSeed(unhex(v.ClaimSeed))
	claimKey := label.ClaimKey(holder.Public().(ed25519.PublicKey))
	h := hello{nonce: [32]byte(unhex(v.BoxNonce))}
	m := claim{nonce: [32]byte(unhex(v.Nonce)), id: claimKey.ID(), kind: v.Kind, key: [32]byte(client.Public().(ed25519.PublicKey)), sealedName: unhex(v.SealedName)}
	boxKey := identity.BoxKeyOf(box)
	tr := transcript(boxKey.PeerID(), identity.OperatorKey(m.key).PeerID(), h.nonce, &m)
	m.claimSignature = [64]byte(ed25519.Sign(holder, tr.forClaim()))
	m.keySignature = [64]byte(ed25519.Sign(client, tr.forKey()))
	a := accept{answer: OK, proof: tr.proof(claimKey), box: boxKey, epoch: v.Epoch, seq: v.Seq,
		signature: [64]byte(ed25519.Sign(box, tr.forBox(v.Epoch, v.Seq)))}
	frame := func(body []byte) string {
		var b bytes.Buffer
		if err := writeMessage(&b, body); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(b.Bytes())
	}
	v.Transcript = hex.EncodeToString(tr[:])
	v.Hello, v.Claim, v.Accept = frame(h.append(nil)), frame(m.append(nil)), frame(a.append(nil))

	// What was written is read again as it was.
	got, err := parseClaim(m.append(nil))
	if err != nil || !bytes.Equal(got.append(nil), m.append(nil)) {
		t.Errorf("parseClaim: %+v, %v", got, err)
	}
	back, err := parseAccept(a.append(nil))
	if err != nil || back != a {
		t.Errorf("parseAccept: %+v, %v", back, err)
	}
}

func TestVectors(t *testing.T) {
	const file = "testdata/vectors.json"
	if *update {
		seed := func(n byte) string { return hex.EncodeToString(bytes.Repeat([]byte{n}, 32)) }
		vectors := []vector{
			{BoxSeed: seed(1), ClientSeed: seed(2), ClaimSeed: seed(3), BoxNonce: seed(4), Nonce: seed(5), Kind: Operator, Epoch: 1, Seq: 1},
			{BoxSeed: seed(6), ClientSeed: seed(7), ClaimSeed: seed(8), BoxNonce: seed(9), Nonce: seed(10), Kind: Partner, SealedName: "00ff", Epoch: 2, Seq: 77},
		}
		for i := range vectors {
			vectors[i].fill(t)
		}
		text, err := json.MarshalIndent(vectors, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("vectors are missing")
	}
	for i, want := range vectors {
		got := want
		got.fill(t)
		if got != want {
			t.Errorf("vector %d: %+v, want %+v", i, got, want)
		}
	}
}
