package label_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cobox/provision/label"
)

func TestClaimKeyText(t *testing.T) {
	const text = "209467c0bc105eccf0f4b4b05c2695230c345eb1eae0fdbff01a698a84e67677"
	k := must[label.ClaimKey](t)(label.ParseClaimKey(text))
	if k.String() != text || k.IsZero() {
		t.Errorf("ParseClaimKey(%s) = %s", text, k)
	}
	for _, bad := range []string{"", text[1:], text + "0", "x" + text[1:], strings.ToUpper(text), strings.Repeat("0", 64)} {
		if k, err := label.ParseClaimKey(bad); err == nil || !k.IsZero() {
			t.Errorf("ParseClaimKey(%q) = %v, %v, want an error", bad, k, err)
		}
	}
	id := k.ID()
	if back, err := label.ParseClaimID(id.String()); err != nil || back != id || id.IsZero() {
		t.Errorf("ParseClaimID(%s) = %v, %v", id, back, err)
	}
	for _, bad := range []string{"", id.String()[1:], strings.Repeat("A", 32), text} {
		if got, err := label.ParseClaimID(bad); err == nil || !got.IsZero() {
			t.Errorf("ParseClaimID(%q) = %v, %v, want an error", bad, got, err)
		}
	}

	// As files hold them.
	type file struct {
		Key label.ClaimKey
		ID  label.ClaimID
		Tag label.Tag
	}
	f := file{k, id, must[label.Tag](t)(label.ParseTag("7k3f9q"))}
	written := must[[]byte](t)(json.Marshal(f))
	if want := `{"Key":"` + text + `","ID":"` + id.String() + `","Tag":"7K3F9Q"}`; string(written) != want {
		t.Errorf("in JSON: %s, want %s", written, want)
	}
	var back file
	if err := json.Unmarshal(written, &back); err != nil || back != f {
		t.Errorf("back from JSON: %v, %v", back, err)
	}
}

// TestClaimSeed: a seed makes the claim that ed25519 makes of it, is written to files,
// and not printed.
func TestClaimSeed(t *testing.T) {
	seed := must[label.ClaimSeed](t)(label.NewClaimSeed(&counter{}))
	if again := must[label.ClaimSeed](t)(label.NewClaimSeed(&counter{n: 1})); seed == again || seed.IsZero() {
		t.Error("two seeds are the same, or zero")
	}
	private := ed25519.NewKeyFromSeed(seed[:])
	claim, message := seed.Claim(), []byte("context and message")
	if key := claim.Public(); !bytes.Equal(key[:], private[32:]) || !bytes.Equal(claim.Sign(message), ed25519.Sign(private, message)) {
		t.Error("the claim of a seed is another")
	}
	type file struct{ Seed label.ClaimSeed }
	written := must[[]byte](t)(json.Marshal(file{seed}))
	var back file
	if err := json.Unmarshal(written, &back); err != nil || back.Seed != seed {
		t.Errorf("back from JSON: %v", err)
	}
	text := hex.EncodeToString(seed[:])
	for _, bad := range []string{"", text[1:], text + "0", "x" + text[1:], strings.Repeat("A", 64), strings.Repeat("0", 64)} {
		if err := back.Seed.UnmarshalText([]byte(bad)); err == nil || back.Seed != seed {
			t.Errorf("%q was read as a seed", bad)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if printed := fmt.Sprintf(verb, file{seed}); !strings.Contains(printed, "(claim seed)") || strings.Contains(printed, text[:8]) {
			t.Errorf("%s prints %s", verb, printed)
		}
	}
	if _, err := label.NewClaimSeed(bytes.NewReader(make([]byte, 256))); err == nil {
		t.Error("a seed was made from a source of zeros")
	}
}

// TestVerify: a signature counts for its message and key only, and none counts
// under the zero key, for which anybody can make one.
func TestVerify(t *testing.T) {
	claim := must[label.Code](t)(label.New(&counter{})).Claim()
	key, message := claim.Public(), []byte("context and message")
	signature := claim.Sign(message)
	if !key.Verify(message, signature) {
		t.Fatal("a good signature was refused")
	}
	for i := range signature {
		signature[i] ^= 1
		if key.Verify(message, signature) {
			t.Errorf("a signature with byte %d changed was accepted", i)
		}
		signature[i] ^= 1
	}
	if key.Verify(message[1:], signature) || key.Verify(message, signature[1:]) || key.Verify(message, nil) {
		t.Error("a signature of something else was accepted")
	}
	for first := range 256 { // R = the encoding of a point of small order, S = 0
		forged := make([]byte, 64)
		forged[0] = byte(first)
		for n := range 16 {
			if (label.ClaimKey{}).Verify([]byte{byte(n)}, forged) {
				t.Fatal("a forgery under the zero key was accepted")
			}
		}
	}
}
