package audit_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"cobox/seeder/audit"
)

var update = flag.Bool("update", false, "write testdata/audit.json anew")

// A vector is a challenge and the answer to it; the box's key and the feed are
// those of AUDIT.md, and ed25519 is deterministic.
type vector struct {
	Challenge string   `json:"challenge"` // hex
	Name      string   `json:"name"`      // SHA-256 of the challenge
	Answer    string   `json:"answer"`    // hex
	Findings  []string `json:"findings"`  // by draw
}

func TestVectors(t *testing.T) {
	const file = "testdata/audit.json"
	k := newKept(t, 3, 5, 24)
	k.lost[2] = true
	known := audit.Known{Block: func(d audit.Draw) ([]byte, error) { return k.blocks[d.Block], nil }}
	var made []vector
	for _, digests := range []bool{false, true} {
		c := &audit.Challenge{Nonce: [32]byte(bytes.Repeat([]byte{9}, 32)), Digests: digests, Draws: all(k)}
		b := answer(t, c, boxPrivate, k)
		name := c.Hash()
		v := vector{Challenge: hex.EncodeToString(c.Append(nil)), Name: hex.EncodeToString(name[:]), Answer: hex.EncodeToString(b)}
		r, err := audit.Check(bytes.NewReader(b), c, box, known)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Results {
			v.Findings = append(v.Findings, string(x.Finding))
		}
		made = append(made, v)
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("the answers differ from those in %s: made %s", file, text)
	}
}
