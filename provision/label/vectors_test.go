package label_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"cobox/provision/label"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorFile = "testdata/vectors.json"

// A vector is one code with all that comes of it. Bytes are in hex.
type vector struct {
	Secret      string `json:"secret"` // 12 bytes, the last six bits zero
	Code        string `json:"code"`
	Seed        string `json:"seed"` // of the ed25519 key
	ClaimKey    string `json:"claimKey"`
	ClaimID     string `json:"claimID"`
	BoxProofKey string `json:"boxProofKey"`
	Message     string `json:"message"`
	Signature   string `json:"signature"` // by the claim, of message
	Tag         string `json:"tag"`
	HostName    string `json:"hostName"`
	Label       string `json:"label"`
	BoxKey      string `json:"boxKey"`
	Invite      string `json:"invite"`
	Flashed     string `json:"flashed"` // of a card with the same claim and tag
}

// vectors is what the file holds.
type vectors struct {
	Codes   []vector          `json:"codes"`
	Reads   map[string]string `json:"reads"`   // a text, and the code, label, invite or card it is read as
	Refused []string          `json:"refused"` // texts that are none
}

// openSSL holds what another implementation than this package's gave for the
// same secrets: a script over LABEL.md with OpenSSL's Argon2id, HKDF and ed25519.
var openSSL = []vector{
	{
		Secret:      "0123456789abcdef01234540",
		Code:        "04HM-ASW9-NF6Y-Y093-8NV8",
		Seed:        "e3e7fa20c2e3dd7a60d81717512f1921c10bbb15e6c67ca897b97fa4b13d21bf",
		ClaimKey:    "209467c0bc105eccf0f4b4b05c2695230c345eb1eae0fdbff01a698a84e67677",
		ClaimID:     "2ed07c22bc1f162dda23f468f82b97a7",
		BoxProofKey: "f803ec73d73cb08451e81297bc7ff3c4f612a6c66f5046fab6f6d99811e2445c",
	},
	{
		Secret:      "ffffffffffffffffffffffc0",
		Code:        "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZGG",
		Seed:        "1cc3053dc3bf61bfd568d3e89f2db0189fd9542fd9218614fac91f2f4798d545",
		ClaimKey:    "cbbffde6ec817a3b725d420be1e801fa7c5e0637ce56d309c8cce24eb9686803",
		ClaimID:     "d511b094ce2db69f36e8362e54d96926",
		BoxProofKey: "5a0d78aeab83e3473318c67c32017038c0998bbdc1250073dc915cb48ec45652",
	},
	{
		Secret:      "000000000000000000000040",
		Code:        "0000-0000-0000-0000-012Y",
		Seed:        "9c8f893619b87547efc9eaa658e351de33f49f802ad39f072b6cecfce03cb078",
		ClaimKey:    "6fcc5b7632d581be5457136871a9fc55fa901c8d75fd2d5dcf1ea1fc9d04a4e3",
		ClaimID:     "b1214a77002296dcb1e1193573e99e5b",
		BoxProofKey: "1c515f1a0087c97f8929af529a37d35beacda8d3478400f80fad84d9c9e6f8f8",
	},
}

func TestVectors(t *testing.T) {
	tags := []string{"7K3F9Q", "ZZZZZZ", "000001"}
	boxKeys := []string{
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		strings.Repeat("ff", 32),
		strings.Repeat("00", 31) + "01",
	}
	var made vectors
	for i, known := range openSSL {
		v := vectorOf(t, known.Code, tags[i], boxKeys[i])
		if v.Secret != known.Secret || v.Code != known.Code || v.Seed != known.Seed ||
			v.ClaimKey != known.ClaimKey || v.ClaimID != known.ClaimID || v.BoxProofKey != known.BoxProofKey {
			t.Errorf("got %+v\nwant what OpenSSL gave: %+v", v, known)
		}
		made.Codes = append(made.Codes, v)
	}

	v := made.Codes[0]
	made.Reads = map[string]string{
		strings.ToLower(v.Code):                                 v.Code,
		strings.ReplaceAll(v.Code, "0", "O"):                    v.Code,
		strings.ReplaceAll(v.Code, "-", "\u00a0\u2013\u202f"):   v.Code,
		strings.ReplaceAll(v.Code, "-", ""):                     v.Code,
		"OOOO oooo 0000 0000 oi2y":                              made.Codes[2].Code,
		"OOOO oooo 0000 0000 oL2y":                              made.Codes[2].Code,
		"\ufeff" + strings.ToLower(v.Label) + "\r\n":            v.Label,
		"COBOX1: " + v.Code + " " + v.Tag:                       v.Label,
		strings.ReplaceAll(v.Label, "-", ""):                    v.Label,
		strings.ToLower(v.Invite):                               v.Invite,
		v.Invite[:40] + "\n" + v.Invite[40:]:                    v.Invite,
		strings.Replace(v.Invite, v.Invite[8:28], v.Code, 1):    v.Invite,
		strings.Replace(v.Invite, "COBOX1I:", " cobox1i : ", 1): v.Invite,
		" " + strings.ToLower(v.Flashed) + "\n":                 v.Flashed,
		strings.ReplaceAll(v.Flashed, "-", " "):                 v.Flashed,
	}
	made.Refused = []string{
		"",
		v.Code[:23],
		v.Code + "0",
		v.Code[:23] + "9",                      // check
		"U" + v.Code[1:],                       // not a symbol
		"0000-0000-0000-0000-00" + zeroCheck(), // zeros, with their check
		v.Label + "0",
		v.Label[:33],
		strings.Replace(v.Label, "COBOX1", "COBOX2", 1),
		strings.Replace(v.Label, "COBOX1", "C0B0X1", 1),
		v.Invite[:80],
		v.Invite[:80] + "1",       // unused bits that are not zero
		strings.Repeat(" ", 1024), // nothing
		strings.Repeat(" ", 1025-len(v.Code)) + v.Code, // too long by one
		v.Invite[:29] + strings.Repeat("0", 52),        // no box key
		"https://example.org/" + v.Code,
		v.Flashed + "0",
		v.Flashed[:40],
		v.Flashed[:33] + "Z" + v.Flashed[34:],                       // unused bits that are not zero
		"COBOX1F:" + strings.Repeat("0", 26) + "-" + v.Flashed[35:], // no claim ID
		"COBOX1G:" + v.Flashed[8:],
	}

	text := bytes.Buffer{}
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(made); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorFile, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := must[[]byte](t)(os.ReadFile(vectorFile)); !bytes.Equal(text.Bytes(), want) {
		t.Errorf("%s differs from what the package makes now:\n%s", vectorFile, text.Bytes())
	}
}

// TestVectorTexts reads the texts of the vectors.
func TestVectorTexts(t *testing.T) {
	var v vectors
	if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(vectorFile)), &v); err != nil {
		t.Fatal(err)
	}
	for text, want := range v.Reads {
		got, err := label.Parse(text)
		if err != nil {
			t.Errorf("Parse(%q) = %v, want %q", text, err, want)
		} else if got.Text() != want {
			t.Errorf("Parse(%q) = %q, want %q", text, got.Text(), want)
		}
	}
	for _, text := range v.Refused {
		if got, err := label.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %q, want an error", text, got.Text())
		}
	}
	for _, c := range v.Codes {
		for _, text := range []string{c.Code, c.Label, c.Invite, c.Flashed} {
			if got, err := label.Parse(text); err != nil || got.Text() != text {
				t.Errorf("Parse(%q) = %v, %v", text, got, err)
			}
		}
	}
}

// vectorOf makes a vector. What the package does not show, the secret and the
// seed, is computed from LABEL.md; so is what it does show, and compared.
func vectorOf(t *testing.T, text, tagText, boxKey string) vector {
	t.Helper()
	code := must[label.Code](t)(label.ParseCode(text))
	tag := must[label.Tag](t)(label.ParseTag(tagText))
	symbols := bare(code)

	n := new(big.Int)
	for _, s := range symbols[:18] {
		n.Add(n.Lsh(n, 5), big.NewInt(int64(strings.IndexRune(alphabet, s))))
	}
	secret := n.Lsh(n, 6).FillBytes(make([]byte, 12))
	sum := sha256.Sum256(append([]byte("cobox/code-check/v1"), secret...))
	check := uint(sum[0])<<2 | uint(sum[1])>>6
	if want := string(alphabet[check>>5]) + string(alphabet[check&31]); symbols[18:] != want {
		t.Errorf("the check of %s, want %s", text, want)
	}

	seed := argon2.IDKey([]byte(symbols), []byte("cobox/claim-salt/v1"), 3, 64*1024, 1, 32)
	private := ed25519.NewKeyFromSeed(seed)
	claim := code.Claim()
	key := claim.Public()
	if !bytes.Equal(key[:], private[32:]) {
		t.Errorf("the claim key of %s is %v, want %x", text, key, private[32:])
	}
	message := []byte("cobox/claim-sig/v1 and what is signed")
	signature := claim.Sign(message)
	if !key.Verify(message, signature) || !bytes.Equal(signature, ed25519.Sign(private, message)) {
		t.Errorf("the signature under %v is not that of its claim", key)
	}
	id, proof := key.ID(), key.BoxProofKey()
	if want := hkdfByHand(key[:], "cobox/claim-id/v1")[:16]; !bytes.Equal(id[:], want) {
		t.Errorf("ID of %v = %v, want %x", key, id, want)
	}
	if want := hkdfByHand(key[:], "cobox/claim-boxproof/v1"); !bytes.Equal(proof[:], want) {
		t.Errorf("BoxProofKey of %v = %x, want %x", key, proof, want)
	}
	invite := label.Invite{Code: code, BoxKey: [32]byte(must[[]byte](t)(hex.DecodeString(boxKey)))}
	return vector{
		Secret:      hex.EncodeToString(secret),
		Code:        code.Text(),
		Seed:        hex.EncodeToString(seed),
		ClaimKey:    key.String(),
		ClaimID:     id.String(),
		BoxProofKey: hex.EncodeToString(proof[:]),
		Message:     hex.EncodeToString(message),
		Signature:   hex.EncodeToString(signature),
		Tag:         tag.String(),
		HostName:    tag.HostName(),
		Label:       label.Label{Code: code, Tag: tag}.Text(),
		BoxKey:      boxKey,
		Invite:      invite.Text(),
		Flashed:     label.Flashed{Card: id, Tag: tag}.Text(),
	}
}

// hkdfByHand is RFC 5869 with SHA-256 and no salt, for one hash of output.
func hkdfByHand(secret []byte, info string) []byte {
	extract := hmac.New(sha256.New, make([]byte, 32))
	extract.Write(secret)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte(info + "\x01"))
	return expand.Sum(nil)
}

// zeroCheck returns the check of a secret of zeros.
func zeroCheck() string {
	sum := sha256.Sum256([]byte("cobox/code-check/v1" + strings.Repeat("\x00", 12)))
	check := uint(sum[0])<<2 | uint(sum[1])>>6
	return string(alphabet[check>>5]) + string(alphabet[check&31])
}
