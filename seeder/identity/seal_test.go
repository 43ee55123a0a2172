package identity_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"cobox/seeder/identity"
)

const purpose = "cobox/test/v1"

func TestSeal(t *testing.T) {
	for _, n := range []int{0, 1, 100, 1 << 16} {
		plain := bytes.Repeat([]byte{7}, n)
		sealed, err := identity.SealTo(device, purpose, plain)
		if err != nil {
			t.Fatal(err)
		}
		again, err := identity.SealTo(device, purpose, plain)
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed twice, %d bytes are the same, %v", n, err)
		}
		got, err := identity.OpenSealed(devicePrivate, purpose, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("OpenSealed of %d bytes = %d bytes, %v", n, len(got), err)
		}
	}
}

func TestOpenSealedRefuses(t *testing.T) {
	sealed, err := identity.SealTo(device, purpose, []byte("what only the device may know"))
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what, purpose string, n byte, b []byte) {
		t.Helper()
		if got, err := identity.OpenSealed(testKey(n), purpose, b); !errors.Is(err, identity.ErrSealed) {
			t.Errorf("%s: OpenSealed = %q, %v, want ErrSealed", what, got, err)
		}
	}
	refuse("another's", purpose, 5, sealed)
	refuse("for another purpose", "cobox/test/v2", 4, sealed)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		refuse("changed", purpose, 4, bad)
		refuse("cut", purpose, 4, sealed[:i])
	}
	refuse("longer", purpose, 4, append(sealed, 0))
	refuse("zero", purpose, 4, make([]byte, 100))
	for _, bad := range []identity.DeviceKey{{2}, {}, {1}} { // no point; points of small order
		if _, err := identity.SealTo(bad, purpose, nil); err == nil {
			t.Errorf("sealed to %x", bad)
		}
	}
}

// What another program sealed by STATEMENTS.md can be opened: the vector was
// made once, since sealing is random.
func TestSealVector(t *testing.T) {
	const file = "testdata/sealed.json"
	var v struct{ Seed, Device, Purpose, Plaintext, Sealed string }
	if *update {
		sealed, err := identity.SealTo(device, "cobox/parcel/v1", []byte("a parcel"))
		if err != nil {
			t.Fatal(err)
		}
		v.Seed, v.Device, v.Purpose = hex.EncodeToString(devicePrivate.Seed()), device.String(), "cobox/parcel/v1"
		v.Plaintext, v.Sealed = "a parcel", hex.EncodeToString(sealed)
		text, err := json.MarshalIndent(v, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := hex.DecodeString(v.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.OpenSealed(devicePrivate, v.Purpose, sealed); err != nil || string(got) != v.Plaintext {
		t.Errorf("the vector opens as %q, %v", got, err)
	}
}
