package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"cobox/seeder/identity"
)

// testKey returns the key pair whose seed is n in all bytes.
func testKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// peerIDs are keys with their peer IDs as go-libp2p v0.51 writes them.
func peerIDs(t *testing.T) (vectors []struct{ Key, Binary, Text string }) {
	t.Helper()
	text, err := os.ReadFile("testdata/peerids.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestPeerIDsAreThoseOfLibp2p(t *testing.T) {
	for i, v := range peerIDs(t) {
		private := testKey(byte(i))
		for _, p := range []identity.PeerID{identity.BoxKeyOf(private).PeerID(), identity.DeviceKeyOf(private).PeerID()} {
			if got := hex.EncodeToString([]byte(p)); got != v.Binary {
				t.Errorf("peer ID of %s = %s, want %s", v.Key, got, v.Binary)
			}
			if p.String() != v.Text {
				t.Errorf("text of %s = %s, want %s", v.Key, p, v.Text)
			}
			parsed, err := identity.ParsePeerID(v.Text)
			if err != nil || parsed != p {
				t.Errorf("ParsePeerID(%s) = %v, %v", v.Text, parsed, err)
			}
			key, err := p.Key()
			if err != nil || hex.EncodeToString(key[:]) != v.Key {
				t.Errorf("Key() of %s = %x, %v, want %s", v.Text, key, err, v.Key)
			}
		}
	}
}

func TestParsePeerIDRefuses(t *testing.T) {
	good := identity.BoxKeyOf(testKey(1)).PeerID().String()
	for _, text := range []string{
		"",
		good[1:],
		good + "1",
		"1" + good,
		good[:len(good)-1],
		good[:len(good)-1] + "0", // not in the alphabet
		good[:len(good)-1] + "l",
		" " + good,
		good + "\n",
		strings.Repeat("1", 38),
		strings.Repeat("z", 128),
		strings.Repeat("z", 1<<20),
		"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", // of an RSA key
		"box:" + good,
	} {
		if p, err := identity.ParsePeerID(text); !errors.Is(err, identity.ErrPeerID) {
			t.Errorf("ParsePeerID(%.60q) = %v, %v, want ErrPeerID", text, p, err)
		}
	}
	for _, p := range []identity.PeerID{"", "\x12\x20", identity.PeerID(strings.Repeat("\x00", 38))} {
		if _, err := p.Key(); !errors.Is(err, identity.ErrPeerID) {
			t.Errorf("Key() of %x = %v, want ErrPeerID", string(p), err)
		}
	}
}

// Base 58 is checked against big integers, through the text of peer IDs of any bytes.
func FuzzBase58(f *testing.F) {
	// Vectors of draft-msporny-base58-03, section 5.
	for in, want := range map[string]string{
		"Hello World!": "2NEpo7TZRRrLZSi2U",
		"The quick brown fox jumps over the lazy dog.": "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
		"\x00\x00\x28\x7f\xb4\xcd":                     "11233QC4",
	} {
		if got := identity.PeerID(in).String(); got != want {
			f.Errorf("base 58 of %q = %s, want %s", in, got, want)
		}
		f.Add([]byte(in))
	}
	f.Add([]byte(nil))
	f.Add([]byte{0})
	f.Add(bytes.Repeat([]byte{0xff}, 38))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 100 {
			return
		}
		if got, want := identity.PeerID(b).String(), bigBase58(b); got != want {
			t.Errorf("base 58 of %x = %s, want %s", b, got, want)
		}
	})
}

func bigBase58(b []byte) string {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	text := ""
	for n := new(big.Int).SetBytes(b); n.Sign() > 0; {
		digit := new(big.Int)
		n.DivMod(n, big.NewInt(58), digit)
		text = string(alphabet[digit.Int64()]) + text
	}
	for _, v := range b {
		if v != 0 {
			break
		}
		text = "1" + text
	}
	return text
}

func FuzzParsePeerID(f *testing.F) {
	f.Add(identity.BoxKeyOf(testKey(1)).PeerID().String())
	f.Add("111")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := identity.ParsePeerID(text)
		if err == nil && p.String() != text {
			t.Errorf("%q is read, and written as %q", text, p)
		}
	})
}

func TestKeyTexts(t *testing.T) {
	for n := range byte(20) {
		private := testKey(n)
		box, err := identity.ParseBoxKey(identity.BoxKeyOf(private).String())
		if err != nil || box != identity.BoxKeyOf(private) {
			t.Errorf("box key %v, %v", box, err)
		}
		operator, err := identity.ParseOperatorKey(identity.OperatorKeyOf(private).String())
		if err != nil || operator != identity.OperatorKeyOf(private) {
			t.Errorf("operator key %v, %v", operator, err)
		}
		partner, err := identity.ParsePartnerKey(identity.PartnerKeyOf(private).String())
		if err != nil || partner != identity.PartnerKeyOf(private) {
			t.Errorf("partner key %v, %v", partner, err)
		}
		device, err := identity.ParseDeviceKey(identity.DeviceKeyOf(private).String())
		if err != nil || device != identity.DeviceKeyOf(private) {
			t.Errorf("device key %v, %v", device, err)
		}
		if id, err := identity.ParseBoxKey(box.PeerID().String()); err != nil || id != box {
			t.Errorf("ParseBoxKey of a box ID alone = %v, %v, want %v", id, err, box)
		}
	}
}

// keyParsers are the functions that read keys, by kind.
var keyParsers = map[identity.Kind]func(string) error{
	identity.Box:      func(s string) error { _, err := identity.ParseBoxKey(s); return err },
	identity.Operator: func(s string) error { _, err := identity.ParseOperatorKey(s); return err },
	identity.Partner:  func(s string) error { _, err := identity.ParsePartnerKey(s); return err },
	identity.Device:   func(s string) error { _, err := identity.ParseDeviceKey(s); return err },
}

func keyTexts(private ed25519.PrivateKey) map[identity.Kind]string {
	return map[identity.Kind]string{
		identity.Box:      identity.BoxKeyOf(private).String(),
		identity.Operator: identity.OperatorKeyOf(private).String(),
		identity.Partner:  identity.PartnerKeyOf(private).String(),
		identity.Device:   identity.DeviceKeyOf(private).String(),
	}
}

func TestKeysOfOneKindAreNotOfAnother(t *testing.T) {
	for kind, text := range keyTexts(testKey(1)) {
		if !strings.HasPrefix(text, string(kind)+":") {
			t.Errorf("text of a %s key: %s", kind, text)
		}
		for other, parse := range keyParsers {
			if err := parse(text); (err == nil) != (kind == other) || err != nil && !errors.Is(err, identity.ErrKey) {
				t.Errorf("reading %s as a %s key: %v", text, other, err)
			}
		}
	}
}

// Every change of one character of a key's text gives an error or another key.
func TestKeyTextsAreTheOnlyOnes(t *testing.T) {
	for kind, text := range keyTexts(testKey(1)) {
		parse := keyParsers[kind]
		for _, bad := range []string{
			text + "y", text[:len(text)-1], strings.ToUpper(text), string(kind) + ":", " " + text, text + "\n",
			text[:len(text)-1] + "\n", string(kind) + ":" + strings.Repeat("00", 32),
		} {
			if err := parse(bad); !errors.Is(err, identity.ErrKey) {
				t.Errorf("reading %q: %v, want ErrKey", bad, err)
			}
		}
	}
	if err := keyParsers[identity.Device](identity.DeviceKeyOf(testKey(1)).PeerID().String()); err == nil {
		t.Error("a peer ID alone, which may be a box's, was read as a device key")
	}
}

func TestZeroKeysAreNotRead(t *testing.T) {
	var box identity.BoxKey
	var operator identity.OperatorKey
	var partner identity.PartnerKey
	var device identity.DeviceKey
	if !box.IsZero() || !operator.IsZero() || !partner.IsZero() || !device.IsZero() {
		t.Error("a zero key says that it is not")
	}
	for kind, text := range map[identity.Kind]string{
		identity.Box: box.String(), identity.Operator: operator.String(),
		identity.Partner: partner.String(), identity.Device: device.String(),
	} {
		if err := keyParsers[kind](text); !errors.Is(err, identity.ErrKey) {
			t.Errorf("reading %s: %v, want ErrKey", text, err)
		}
	}
}

func TestKeysInJSON(t *testing.T) {
	type keys struct {
		Box      identity.BoxKey
		Operator identity.OperatorKey
		Partner  identity.PartnerKey
		Device   identity.DeviceKey
		Peer     identity.PeerID
		Map      map[identity.PartnerKey]int
	}
	p := testKey(3)
	in := keys{
		identity.BoxKeyOf(p), identity.OperatorKeyOf(p), identity.PartnerKeyOf(p), identity.DeviceKeyOf(p),
		identity.BoxKeyOf(p).PeerID(), map[identity.PartnerKey]int{identity.PartnerKeyOf(p): 1},
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out keys
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if out.Box != in.Box || out.Operator != in.Operator || out.Partner != in.Partner || out.Device != in.Device ||
		out.Peer != in.Peer || out.Map[in.Partner] != 1 {
		t.Errorf("%s reads as %+v", text, out)
	}
	mixed := strings.Replace(string(text), `"Box":"box:`, `"Box":"device:`, 1)
	if err := json.Unmarshal([]byte(mixed), &out); !errors.Is(err, identity.ErrKey) {
		t.Errorf("a device key in a box's place: %v, want ErrKey", err)
	}
}
