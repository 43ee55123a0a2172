package identity_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"cobox/seeder/identity"
)

func TestParcel(t *testing.T) {
	for _, content := range [][]byte{nil, []byte("{}"), []byte("lines\nand\nlines\n"), bytes.Repeat([]byte("x"), 1<<19)} {
		sealed, err := identity.SealParcel(partnerPrivate, device, issued, content)
		if err != nil {
			t.Fatal(err)
		}
		got, by, err := identity.OpenParcel(devicePrivate, sealed)
		if err != nil || !bytes.Equal(got, content) || by != partner {
			t.Errorf("OpenParcel = %d bytes by %s, %v, want %d bytes by %s", len(got), by, err, len(content), partner)
		}
		if _, _, err := identity.OpenParcel(testKey(9), sealed); !errors.Is(err, identity.ErrSealed) {
			t.Errorf("another device opens it: %v, want ErrSealed", err)
		}
	}
	if _, err := identity.SealParcel(partnerPrivate, device, issued, make([]byte, identity.MaxParcel)); err == nil {
		t.Error("a parcel of more than MaxParcel bytes was sealed")
	}
	if _, _, err := identity.OpenParcel(devicePrivate, make([]byte, identity.MaxParcel+1)); !errors.Is(err, identity.ErrSealed) {
		t.Errorf("a parcel of more than MaxParcel bytes: %v, want ErrSealed", err)
	}
}

// What anybody could seal, who knows the device's key, and has seen a parcel's
// inside: none of it is taken for the partner's.
func TestOpenParcelRefuses(t *testing.T) {
	content := "content"
	sum := sha256.Sum256([]byte(content))
	body := `{"partner":"` + partner.String() + `","device":"` + device.String() + `","issued":"2026-11-23T17:38:29Z","content":"` + hex.EncodeToString(sum[:]) + `"}`
	parcel := func(change func(body string) string, kind identity.Kind, signer byte) string {
		return must(t)(identity.Sign("cobox/parcel/v1", []byte(change(body)), kind, testKey(signer))).String() + content
	}
	as := func(s string) string { return s }
	with := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("%s is not in %s", old, s)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	good := parcel(as, identity.Partner, 3)
	for what, c := range map[string]struct {
		plain string
		want  error
	}{
		"as it should be":      {good, nil},
		"other content":        {good + "s", identity.ErrBadSignature},
		"signed by another":    {parcel(as, identity.Partner, 9), identity.ErrNotTrusted},
		"signed as operator":   {parcel(as, identity.Operator, 3), identity.ErrNotTrusted},
		"for another device":   {parcel(with(device.String(), identity.DeviceKeyOf(testKey(9)).String()), identity.Partner, 3), identity.ErrWrongDevice},
		"without a time":       {parcel(with("2026-11-23T17:38:29Z", "0001-01-01T00:00:00Z"), identity.Partner, 3), identity.ErrStatement},
		"with more in it":      {parcel(with("}", `,"a":1}`), identity.Partner, 3), identity.ErrStatement},
		"with a forged letter": {strings.Replace(good, `"content":"`, `"content":"0`, 1), identity.ErrBadSignature},
		"a certificate":        {must(t)(identity.SignDeviceCert(partnerPrivate, testCert())).String() + content, identity.ErrContext},
		"two lines":            {good[:strings.LastIndex(good[:len(good)-len(content)-1], "\n")+1], identity.ErrStatement},
		"nothing":              {"", identity.ErrStatement},
	} {
		sealed, err := identity.SealTo(device, "cobox/parcel/v1", []byte(c.plain))
		if err != nil {
			t.Fatal(err)
		}
		got, by, err := identity.OpenParcel(devicePrivate, sealed)
		if !errors.Is(err, c.want) || err != nil && (got != nil || !by.IsZero()) {
			t.Errorf("%s: OpenParcel = %q by %s, %v, want %v", what, got, by, err, c.want)
		}
	}
	if _, err := identity.SealParcel(partnerPrivate, device, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), nil); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("a parcel of the year 10000: %v, want ErrStatement", err)
	}
}

func FuzzOpenParcel(f *testing.F) {
	good := must(f)(identity.SignDeviceCert(partnerPrivate, testCert())).String()
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "device/v1", "parcel/v1", 1)))
	f.Fuzz(func(t *testing.T, plain []byte) {
		sealed, err := identity.SealTo(device, "cobox/parcel/v1", plain)
		if err != nil {
			t.Fatal(err)
		}
		if content, _, err := identity.OpenParcel(devicePrivate, sealed); err == nil && !bytes.HasSuffix(plain, content) {
			t.Errorf("%q opens as %q", plain, content)
		}
		_, _, _ = identity.OpenParcel(devicePrivate, plain)
	})
}
