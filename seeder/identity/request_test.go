package identity_test

import (
	"errors"
	"strings"
	"testing"

	"cobox/seeder/identity"
)

func TestDeviceRequest(t *testing.T) {
	const want = "COBOX1D:SA9T-R5R5-31R7-3NKV-GF3Z-Y3QY-G44E-HV25-61BN-TXS6-GY9K-7PYT-QSY3-KPF5"
	text := identity.DeviceRequest(device)
	if text != want {
		t.Errorf("DeviceRequest = %s, want %s", text, want)
	}
	for _, typed := range []string{
		text, strings.ToLower(text), " " + text + "\n", strings.ReplaceAll(text, "-", ""), strings.ReplaceAll(text, "-", " "),
		strings.ReplaceAll(text, "-", "–"), strings.ReplaceAll(text, "-", "\u00a0"), strings.Replace(text, "-", "-\r\n", 5),
		"COBOX1D:" + strings.NewReplacer("0", "o", "1", "l").Replace(text[len("COBOX1D:"):]),
		"COBOX1D:" + strings.NewReplacer("1", "I").Replace(text[len("COBOX1D:"):]),
	} {
		if k, err := identity.ParseDeviceRequest(typed); err != nil || k != device {
			t.Errorf("ParseDeviceRequest(%q) = %v, %v", typed, k, err)
		}
	}
}

// Every other letter in every place is noticed, and so are letters that are
// missing or have changed places.
func TestMistypedRequests(t *testing.T) {
	text := identity.DeviceRequest(device)
	refuse := func(typed string) {
		t.Helper()
		if k, err := identity.ParseDeviceRequest(typed); !errors.Is(err, identity.ErrRequest) {
			t.Errorf("ParseDeviceRequest(%q) = %v, %v, want ErrRequest", typed, k, err)
		}
	}
	for i := range text {
		if text[i] == '-' {
			continue
		}
		refuse(text[:i] + text[i+1:])
		if i > 8 && text[i-1] != text[i] && text[i-1] != '-' {
			refuse(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:])
		}
		for _, c := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
			if byte(c) != text[i] && !(i == 5 && c == 'I') {
				refuse(text[:i] + string(c) + text[i+1:])
			}
		}
	}
	for _, bad := range []string{"", "COBOX1D:", "COBOX1:" + text[8:], text + "0", text + text, strings.Repeat(text, 20), device.String()} {
		refuse(bad)
	}
	var none identity.DeviceKey
	refuse(identity.DeviceRequest(none))
	refuse(identity.DeviceRequest(identity.DeviceKey{2})) // no point of the curve
}

func FuzzParseDeviceRequest(f *testing.F) {
	f.Add(identity.DeviceRequest(device))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := identity.ParseDeviceRequest(text)
		if err != nil {
			return
		}
		if again, err := identity.ParseDeviceRequest(identity.DeviceRequest(k)); err != nil || again != k {
			t.Errorf("%q is read as %s, whose request reads as %s, %v", text, k, again, err)
		}
	})
}

func TestDeviceID(t *testing.T) {
	id := device.ID()
	if got, err := identity.ParseDeviceID(id.String()); err != nil || got != id || [16]byte(device[:16]) != id {
		t.Errorf("%s reads as %v, %v", id, got, err)
	}
	for _, bad := range []string{"", id.String()[1:], id.String() + "00", strings.ToUpper(id.String()), device.String()} {
		if _, err := identity.ParseDeviceID(bad); !errors.Is(err, identity.ErrKey) {
			t.Errorf("ParseDeviceID(%q) = %v, want ErrKey", bad, err)
		}
	}
}
