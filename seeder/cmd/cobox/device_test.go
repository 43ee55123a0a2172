package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/space"
)

var update = flag.Bool("update", false, "write testdata/devices.json anew")

// keyVectors are keys and labels for another implementation, see DEVICES.md.
type keyVectors struct {
	Root, SpaceID, SpaceSecret, LabelKey string
	Labels                               []struct{ Feed, Label string }
}

func TestKeyVectors(t *testing.T) {
	const file = "testdata/devices.json"
	var root space.Secret
	var id space.ID
	for i := range root {
		root[i] = byte(i)
	}
	for i := range id {
		id[i] = byte(0xa0 + i)
	}
	secret, k := spaceSecretOf(root, id), labelKeyOf(root)
	made := keyVectors{Root: hex.EncodeToString(root[:]), SpaceID: id.String(), SpaceSecret: hex.EncodeToString(secret[:]), LabelKey: hex.EncodeToString(k[:])}
	for n := range byte(3) {
		key := feed.Key{0: n, 31: 1}
		made.Labels = append(made.Labels, struct{ Feed, Label string }{key.String(), k.label(id, key)})
	}
	if *update {
		text, err := json.MarshalIndent(made, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want keyVectors
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(made, want) {
		t.Errorf("the keys are %+v, want %+v", made, want)
	}
	if secret == root || space.Secret(k) == root || space.Secret(k) == secret || spaceSecretOf(root, space.ID{}) == secret {
		t.Error("two keys are the same")
	}
}

// A label names its space to who has the key, and nothing to others.
func TestLabels(t *testing.T) {
	k := labelKeyOf(space.NewSecret())
	one, two := space.NewID(), space.NewID()
	a, b := feed.Key{1}, feed.Key{2}
	for _, id := range []space.ID{one, two} {
		for _, key := range []feed.Key{a, b} {
			if got, ok := k.space(k.label(id, key), key); !ok || got != id {
				t.Errorf("the label of %s names %s, %v", id, got, ok)
			}
		}
	}
	if got, ok := k.space(k.label(one, a), b); !ok || got == one || got == two {
		t.Errorf("a label that was put on another feed names %s", got)
	}
	if got, _ := labelKeyOf(space.NewSecret()).space(k.label(one, a), a); got == one {
		t.Error("another partner reads the label")
	}
	if k.label(one, a)[len(labelPrefix):] == k.label(one, b)[len(labelPrefix):] {
		t.Error("two feeds of a space have one label")
	}
	for _, label := range []string{"", "holiday photos", labelPrefix, labelPrefix + "00", labelPrefix + strings.Repeat("x", 32), k.label(one, a) + "0"} {
		if got, ok := k.space(label, a); ok {
			t.Errorf("%q names %s", label, got)
		}
	}
}

// The parties of these tests.
var (
	deviceKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	partnerKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	now        = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
)

func goodParcel(t testing.TB) *parcel {
	t.Helper()
	cert, err := identity.SignDeviceCert(partnerKey, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partnerKey), Device: identity.DeviceKeyOf(deviceKey), Scope: identity.ScopeFull,
		Issued: now, NotAfter: now.AddDate(1, 0, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	id := space.NewID()
	return &parcel{
		Cert: cert.String(), Name: "laptop", Label: strings.Repeat("ab", 32), Revoked: revokedText(t, partnerKey, 9),
		Spaces: []parcelSpace{{ID: id.String(), Name: "docs", Secret: strings.Repeat("cd", 32), Feeds: []string{feed.Key{1}.String()}, Boxes: []string{"/ip4/192.0.2.7/tcp/1/p2p/x"}}},
	}
}

func revokedText(t testing.TB, partner ed25519.PrivateKey, n byte) string {
	t.Helper()
	list := identity.Revoked{Partner: identity.PartnerKeyOf(partner)}.Next(now)
	list.Add(identity.DeviceKeyOf(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))), time.Time{})
	st, err := identity.SignRevoked(partner, list)
	if err != nil {
		t.Fatal(err)
	}
	return st.String()
}

func TestParcels(t *testing.T) {
	p := goodParcel(t)
	text, err := p.seal(partnerKey, identity.DeviceKeyOf(deviceKey), now)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("docs")) || bytes.Contains(text, []byte("laptop")) {
		t.Error("the parcel can be read")
	}
	// As a mail program leaves it.
	mailed := append([]byte("Dear colleague,\r\n\r\n"), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))...)
	for _, text := range [][]byte{text, mailed, append(slices.Clone(text), "\n\n"...)} {
		sealed, err := readParcel(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		d, err := openParcel(deviceKey, sealed, now)
		if err != nil {
			t.Fatal(err)
		}
		sp := p.Spaces[0]
		want := &spaceFile{ID: sp.ID, Secret: sp.Secret, Name: sp.Name, Feeds: sp.Feeds, Boxes: sp.Boxes}
		if !reflect.DeepEqual(d.parcel, p) || d.partner != identity.PartnerKeyOf(partnerKey) || len(d.spaces) != 1 || !reflect.DeepEqual(d.spaces[0], want) {
			t.Errorf("the parcel opens as %+v", d)
		}
		if _, err := openParcel(deviceKey, sealed, now.AddDate(2, 0, 0)); !errors.Is(err, identity.ErrExpired) {
			t.Errorf("two years later: %v, want ErrExpired", err)
		}
	}
	for what, bad := range map[string]string{
		"nothing": "", "a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the first half": string(text[:len(text)/2]),
		"two of them": string(text) + string(text), "too long": strings.Repeat("x", maxParcelText+1),
		"headers": strings.Replace(string(text), "PARCEL-----\n", "PARCEL-----\na: b\n\n", 1),
	} {
		if _, err := readParcel(strings.NewReader(bad)); err == nil {
			t.Errorf("%s was read as a parcel", what)
		}
	}
}

// A parcel that the partner signed, and that is wrong inside, changes nothing either.
func TestParcelsThatAreRefused(t *testing.T) {
	another := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	for what, change := range map[string]func(p *parcel){
		"no certificate":             func(p *parcel) { p.Cert = "" },
		"another device's":           func(p *parcel) { p.Cert = certFor(t, partnerKey, another) },
		"another partner's":          func(p *parcel) { p.Cert = certFor(t, another, deviceKey) },
		"no name":                    func(p *parcel) { p.Name = "" },
		"a name of two lines":        func(p *parcel) { p.Name = "a\nb" },
		"no label key":               func(p *parcel) { p.Label = "" },
		"a short label key":          func(p *parcel) { p.Label = "abcd" },
		"another partner's list":     func(p *parcel) { p.Revoked = revokedText(t, another, 9) },
		"a list with this device":    func(p *parcel) { p.Revoked = revokedText(t, partnerKey, 1) },
		"a list that is none":        func(p *parcel) { p.Revoked = "x" },
		"a name that is a path":      func(p *parcel) { p.Spaces[0].Name = "../../etc" },
		"a space without ID":         func(p *parcel) { p.Spaces[0].ID = "" },
		"a space without secret":     func(p *parcel) { p.Spaces[0].Secret = "" },
		"a feed that is none":        func(p *parcel) { p.Spaces[0].Feeds = []string{"x"} },
		"more boxes than remembered": func(p *parcel) { p.Spaces[0].Boxes = make([]string, maxBoxes+1) },
		"too many feeds":             func(p *parcel) { p.Spaces[0].Feeds = slices.Repeat(p.Spaces[0].Feeds, maxParcelFeeds+1) },
		"too many spaces":            func(p *parcel) { p.Spaces = slices.Repeat(p.Spaces, maxParcelSpaces+1) },
	} {
		p := goodParcel(t)
		change(p)
		content, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := identity.SealParcel(partnerKey, identity.DeviceKeyOf(deviceKey), now, content)
		if err != nil {
			t.Fatal(what, err)
		}
		if d, err := openParcel(deviceKey, sealed, now); err == nil {
			t.Errorf("%s: opens as %+v", what, d)
		}
	}
}

func certFor(t *testing.T, partner, device ed25519.PrivateKey) string {
	t.Helper()
	st, err := identity.SignDeviceCert(partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partner), Device: identity.DeviceKeyOf(device), Scope: identity.ScopeFull, Issued: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return st.String()
}

// FuzzParcel opens what a partner signed, whatever it is, and joins with it: all
// that is written lies in the home folder.
func FuzzParcel(f *testing.F) {
	good, err := json.Marshal(goodParcel(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"docs"`), []byte(`"../docs"`), 1))
	f.Add([]byte(`{"spaces":null}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		sealed, err := identity.SealParcel(partnerKey, identity.DeviceKeyOf(deviceKey), now, content)
		if err != nil {
			return
		}
		d, err := openParcel(deviceKey, sealed, now)
		if err != nil {
			return
		}
		for _, sp := range d.spaces {
			if checkName(sp.Name) != nil {
				t.Errorf("a space named %q", sp.Name)
			}
			if _, _, err := (&home{}).spaceSecret(sp); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzReadParcel(f *testing.F) {
	text, err := goodParcel(f).seal(partnerKey, identity.DeviceKeyOf(deviceKey), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		if sealed, err := readParcel(bytes.NewReader(text)); err == nil {
			_, _ = openParcel(deviceKey, sealed, now)
		}
	})
}
