package pairing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
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

// A cardVector is a card that names its owner, all of it in hex.
type cardVector struct {
	BoxSeed   string `json:"boxSeed"`
	OwnerSeed string `json:"ownerSeed"`
	ClaimSeed string `json:"claimSeed"` // on the card

	ClaimID    string `json:"claimID"`
	Transcript string `json:"transcript"`
	ClaimKey   string `json:"claimKey"`
	Signature  string `json:"signature"`
}

// fill computes what follows from the seeds, by PAIRING.md and ed25519 alone.
func (v *cardVector) fill(t *testing.T) {
	t.Helper()
	var keys [3]ed25519.PrivateKey
	for i, seed := range []string{v.BoxSeed, v.OwnerSeed, v.ClaimSeed} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = ed25519.NewKeyFromSeed(b)
	}
	claim := label.ClaimKey(keys[2].Public().(ed25519.PublicKey))
	id := claim.ID()
	var all []byte
	for _, field := range []string{"/cobox/card/1", string(identity.BoxKeyOf(keys[0]).PeerID()), string(id[:]), string(keys[1].Public().(ed25519.PublicKey))} {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(field))), field...)
	}
	sum := sha256.Sum256(all)
	v.ClaimID, v.ClaimKey, v.Transcript = id.String(), claim.String(), hex.EncodeToString(sum[:])
	v.Signature = hex.EncodeToString(ed25519.Sign(keys[2], append([]byte("cobox/pair-card/v1\n"), sum[:]...)))

	tr := CardTranscript(id, identity.BoxKeyOf(keys[0]), identity.OperatorKeyOf(keys[1]))
	signature := SignCard(label.ClaimSeed(keys[2].Seed()).Claim(), tr)
	if tr != sum || hex.EncodeToString(signature[:]) != v.Signature || !VerifyCard(claim, tr, signature) {
		t.Errorf("the package makes %x and %x", tr, signature)
	}
}

func TestCardVectors(t *testing.T) {
	const file = "testdata/card.json"
	seed := func(n byte) string { return hex.EncodeToString(bytes.Repeat([]byte{n}, 32)) }
	made := []cardVector{{BoxSeed: seed(1), OwnerSeed: seed(2), ClaimSeed: seed(3)}, {BoxSeed: seed(11), OwnerSeed: seed(12), ClaimSeed: seed(13)}}
	for i := range made {
		made[i].fill(t)
	}
	want, err := json.MarshalIndent(made, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || !bytes.Equal(text, want) {
		t.Errorf("%s is not what is made today: %v\n%s", file, err, want)
	}
}

// Case 67: what a card has signed counts for its own box and owner alone, and nothing
// that was signed for another purpose counts.
func TestCase67SignedForAnother(t *testing.T) {
	key := func(n byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	}
	claim := label.ClaimSeed{3}.Claim()
	public := claim.Public()
	box, owner := identity.BoxKeyOf(key(1)), identity.OperatorKeyOf(key(2))
	tr := CardTranscript(public.ID(), box, owner)
	signature := SignCard(claim, tr)
	if !VerifyCard(public, tr, signature) {
		t.Fatal("what the card signed is refused")
	}
	for what, other := range map[string]Transcript{
		"another card":  CardTranscript(label.ClaimSeed{4}.Claim().Public().ID(), box, owner),
		"another box":   CardTranscript(public.ID(), identity.BoxKeyOf(key(5)), owner),
		"another owner": CardTranscript(public.ID(), box, identity.OperatorKeyOf(key(6))),
	} {
		if VerifyCard(public, other, signature) {
			t.Errorf("the signature counts for %s", what)
		}
	}
	if VerifyCard(label.ClaimSeed{4}.Claim().Public(), tr, signature) {
		t.Error("the signature counts under another claim")
	}
	if VerifyCard(public, tr, [64]byte(claim.Sign(tr.forClaim()))) {
		t.Error("a claim of the exchange counts as a card's")
	}
}
