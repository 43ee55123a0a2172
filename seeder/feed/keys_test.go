package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"cobox/seeder/feed"
)

type cryptoVectors struct {
	Namespaces map[string][]hexBytes
	Keys       []struct {
		Seed, PublicKey        hexBytes
		DefaultManifest        vectorManifest
		DefaultManifestEncoded hexBytes
		Key                    hexBytes
		KeyZ32                 string
		DiscoveryKey           hexBytes
		V0ManifestEncoded      hexBytes
		V0ManifestHash         hexBytes
		CompatDiscoveryKey     hexBytes
		Capability             struct{ HandshakeHash, Initiator, Responder hexBytes }
	}
	Manifests []struct {
		Name         string
		Manifest     vectorManifest
		Encoded, Key hexBytes
	}
	Corestore struct {
		PrimaryKey hexBytes
		Derived    []struct {
			NamespaceChain               []string
			Namespace                    hexBytes
			Name                         string
			PublicKey, Key, DiscoveryKey hexBytes
		}
	}
	Hyperdrive []struct {
		DriveKey, DriveDiscoveryKey, ContentKey      hexBytes
		ContentManifestEncoded, DriveManifestEncoded hexBytes
	}
}

func cryptoVector(t *testing.T) *cryptoVectors {
	var v cryptoVectors
	load(t, "01-crypto.json", &v)
	if len(v.Keys) == 0 || len(v.Manifests) == 0 || len(v.Corestore.Derived) == 0 || len(v.Hyperdrive) == 0 {
		t.Fatal("vectors are missing")
	}
	return &v
}

func TestNamespace(t *testing.T) {
	for name, list := range cryptoVector(t).Namespaces {
		for i, want := range list {
			if got := feed.Namespace(name, byte(i)); got != want.b32() {
				t.Errorf("Namespace(%q, %d) = %s, want %x", name, i, got, []byte(want))
			}
		}
	}
}

func TestKeys(t *testing.T) {
	for _, v := range cryptoVector(t).Keys {
		public := ed25519.NewKeyFromSeed(v.Seed).Public().(ed25519.PublicKey)
		if !bytes.Equal(public, v.PublicKey) {
			t.Fatalf("public key of %x is %x", []byte(v.Seed), public)
		}
		m := feed.NewManifest(public)
		if !reflect.DeepEqual(m, v.DefaultManifest.manifest()) {
			t.Errorf("NewManifest(%x) = %+v", public, m)
		}
		if got := m.Append(nil); !bytes.Equal(got, v.DefaultManifestEncoded) {
			t.Errorf("manifest of %x = %x, want %x", public, got, []byte(v.DefaultManifestEncoded))
		}
		old := *m
		old.Version = 0
		if got := old.Append(nil); !bytes.Equal(got, v.V0ManifestEncoded) || old.Key() != v.V0ManifestHash.b32() {
			t.Errorf("version 0 manifest of %x = %x with key %s", public, got, old.Key())
		}
		key := m.Key()
		if key != v.Key.b32() || key.String() != v.KeyZ32 || key.DiscoveryKey() != v.DiscoveryKey.b32() {
			t.Errorf("key of %x = %s, discovery key %s", public, key, key.DiscoveryKey())
		}
		if got := feed.Key(public).DiscoveryKey(); got != v.CompatDiscoveryKey.b32() {
			t.Errorf("discovery key of compat feed %x = %s", public, got)
		}
		hash := [64]byte(v.Capability.HandshakeHash)
		if got := key.Capability(true, &hash); !got.Equal(v.Capability.Initiator.b32()) {
			t.Errorf("initiator's capability = %s", got)
		}
		if got := key.Capability(false, &hash); !got.Equal(v.Capability.Responder.b32()) || got.Equal(v.Capability.Initiator.b32()) {
			t.Errorf("responder's capability = %s", got)
		}
		for _, text := range []string{v.KeyZ32, hex.EncodeToString(key[:]), strings.ToUpper(hex.EncodeToString(key[:]))} {
			if got, err := feed.ParseKey(text); err != nil || got != key {
				t.Errorf("ParseKey(%q) = %s, %v", text, got, err)
			}
		}
		if got, err := feed.ParseDiscoveryKey(key.DiscoveryKey().String()); err != nil || got != key.DiscoveryKey() {
			t.Errorf("ParseDiscoveryKey(String()) = %s, %v", got, err)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := feed.Key{1, 2, 3}.String()
	for _, text := range []string{
		"", good[:51], good + "y", strings.Repeat("v", 52), strings.Repeat("g", 64),
		good[:51] + "b",       // the spare bits are not zero
		strings.ToUpper(good), // one name for a feed
	} {
		if key, err := feed.ParseKey(text); err == nil {
			t.Errorf("ParseKey(%q) = %s, want an error", text, key)
		}
	}
	for _, text := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("z", 64)} {
		if key, err := feed.ParseDiscoveryKey(text); err == nil {
			t.Errorf("ParseDiscoveryKey(%q) = %s, want an error", text, key)
		}
	}
}

func TestStreamHash(t *testing.T) {
	a, b := [32]byte{1}, [32]byte{2}
	hash := feed.StreamHash(a, b, []byte("initiator"), []byte("responder"))
	const want = "3cd5db023e50292acfddca09baf76121f23ac81a52be2693eec296cc5470a172" +
		"c99bea2238ef748504d35eaa77479e681f5e885a7fc3240611afd3f6f264f5af"
	if got := hex.EncodeToString(hash[:]); got != want {
		t.Errorf("StreamHash = %s, want %s", got, want)
	}
	if feed.StreamHash(b, a, []byte("responder"), []byte("initiator")) == hash {
		t.Error("both sides of a stream could take each other's part")
	}
}

func TestCorestoreKeys(t *testing.T) {
	v := cryptoVector(t).Corestore
	for _, d := range v.Derived {
		var namespace [32]byte
		for _, name := range d.NamespaceChain {
			namespace = feed.SubNamespace(namespace, name)
		}
		if d.Namespace != nil && namespace != d.Namespace.b32() {
			t.Errorf("namespace %q = %x", d.NamespaceChain, namespace)
		}
		public := feed.NewKeyPair(v.PrimaryKey.b32(), namespace, d.Name).Public().(ed25519.PublicKey)
		key := feed.NewManifest(public).Key()
		if !bytes.Equal(public, d.PublicKey) || key != d.Key.b32() || key.DiscoveryKey() != d.DiscoveryKey.b32() {
			t.Errorf("feed %q in %q has public key %x and key %s", d.Name, d.NamespaceChain, public, key)
		}
	}
}

func TestHyperdriveBlobs(t *testing.T) {
	for _, v := range cryptoVector(t).Hyperdrive {
		m, err := feed.ParseManifest(v.DriveManifestEncoded)
		if err != nil {
			t.Fatal(err)
		}
		if m.Key() != v.DriveKey.b32() || m.Key().DiscoveryKey() != v.DriveDiscoveryKey.b32() {
			t.Errorf("drive key = %s", m.Key())
		}
		blobs := m.Blobs(m.Key())
		if got := blobs.Append(nil); !bytes.Equal(got, v.ContentManifestEncoded) || blobs.Key() != v.ContentKey.b32() {
			t.Errorf("blobs manifest = %x with key %s", got, blobs.Key())
		}
		m.Version = 0
		if m.Blobs(m.Key()) != nil {
			t.Error("a drive of version 0 has a blobs manifest")
		}
	}
}

func TestManifestVectors(t *testing.T) {
	for _, v := range cryptoVector(t).Manifests {
		want := v.Manifest.manifest()
		if want.Signers == nil {
			want.Signers = []feed.Signer{}
		}
		m, err := feed.ParseManifest(v.Encoded)
		if err != nil || !reflect.DeepEqual(m, want) {
			t.Errorf("%s: ParseManifest = %+v, %v; want %+v", v.Name, m, err, want)
			continue
		}
		if got := m.Append(nil); !bytes.Equal(got, v.Encoded) || m.Key() != v.Key.b32() {
			t.Errorf("%s: encoded as %x with key %s", v.Name, got, m.Key())
		}
		if c := m.Clone(); !reflect.DeepEqual(c, m) {
			t.Errorf("%s: Clone = %+v", v.Name, c)
		}
		// Cut short anywhere, or with something behind it, it is no manifest.
		for n := range v.Encoded {
			if _, err := feed.ParseManifest(v.Encoded[:n]); err == nil {
				t.Errorf("%s: the first %d bytes pass for a manifest", v.Name, n)
			}
		}
		if _, err := feed.ParseManifest(append(bytes.Clone(v.Encoded), 0)); err == nil {
			t.Errorf("%s: a byte behind it is not noticed", v.Name)
		}
	}
}
