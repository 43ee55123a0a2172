package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"cobox/seeder/identity"
)

var update = flag.Bool("update", false, "write testdata/statements.json anew")

// A vector is a statement with all that is needed to make it: ed25519 is
// deterministic, so another implementation gets the same bytes.
type vector struct {
	Seed      string `json:"seed"`      // of the signer's key, hex
	Signed    string `json:"signed"`    // the bytes that are signed, hex
	Statement string `json:"statement"` // the text form
	Hash      string `json:"hash"`      // of the text form, hex
}

const vectorFile = "testdata/statements.json"

// vectors returns the vectors of the file.
func vectors(t testing.TB) (v []vector) {
	t.Helper()
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors(t *testing.T) {
	statements := []struct {
		seed byte
		st   identity.Statement
	}{
		{2, must(t)(identity.SignGrant(operatorPrivate, testGrant()))},
		{2, must(t)(identity.SignGrant(operatorPrivate, identity.Grant{Box: box, Partner: partner, Issued: issued}))},
		{3, must(t)(identity.SignDeviceCert(partnerPrivate, testCert()))},
		{1, must(t)(identity.SignReceipt(boxPrivate, testReceipt()))},
		{3, must(t)(identity.SignRevoked(partnerPrivate, testRevoked()))},
		{3, must(t)(identity.SignKeepers(partnerPrivate, testKeepers()))},
		{1, must(t)(identity.SignDeletion(boxPrivate, testDeletion()))},
		{1, must(t)(identity.SignAuditAnswer(boxPrivate, testAuditAnswer()))},
		{3, must(t)(identity.SignRevoked(partnerPrivate, identity.Revoked{Partner: partner, Issued: issued, Counter: 1}))},
	}
	var made []vector
	for _, s := range statements {
		hash := s.st.Hash()
		// Put together by hand, from STATEMENTS.md.
		signed := append([]byte("cobox statement\n"+s.st.Context+"\x00"), s.st.Body...)
		if !ed25519.Verify(s.st.Signer[:], signed, s.st.Signature[:]) {
			t.Errorf("the signature of %s is not over the bytes that STATEMENTS.md names", s.st.Context)
		}
		made = append(made, vector{
			Seed:      hex.EncodeToString(testKey(s.seed).Seed()),
			Signed:    hex.EncodeToString(signed),
			Statement: s.st.String(),
			Hash:      hex.EncodeToString(hash[:]),
		})
	}
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(made); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := vectors(t)
	if len(want) != len(made) {
		t.Fatalf("%d vectors, want %d", len(made), len(want))
	}
	for i := range want {
		if made[i] != want[i] {
			t.Errorf("vector %d is %+v, want %+v", i, made[i], want[i])
		}
		st, err := identity.ParseStatement([]byte(want[i].Statement))
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Verify(); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
	}
}
