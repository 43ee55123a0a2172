package feed

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"cobox/seeder/compact"
)

var (
	// ErrManifest says that a manifest does not belong to the feed key, or makes no sense.
	ErrManifest = errors.New("feed: invalid manifest")
	// ErrSignature says that a tree head is not signed by the feed's writer.
	ErrSignature = errors.New("feed: tree head is not signed by the feed's writer")
	// ErrPatch says that a signature is over a longer tree (a patch), and that the
	// roots are not there from which it could be grown.
	ErrPatch = errors.New("feed: a longer tree was signed, and without the roots it cannot be checked")
)

// MaxManifest bounds the bytes of a manifest that is read: far more than
// hundreds of signers need, and no more to hold for a stranger.
const MaxManifest = 256 << 10

// maxManifestVersion is the newest version that is known. JavaScript refuses newer ones too.
const maxManifestVersion = 3

// A Manifest says who signs a feed. Its hash is the feed key.
type Manifest struct {
	Version    uint64 // 0 to 3
	AllowPatch bool
	Quorum     uint64 // how many of the signers must sign a head
	Signers    []Signer
	Prologue   *Prologue // a signed-by-hash beginning, or the whole of a static feed; nil for none
	Linked     []Key     // version 2 and later; nil for none
	UserData   []byte    // version 2 and later; nil for none
}

// A Signer is one ed25519 signer of a feed.
type Signer struct {
	Namespace Hash
	Public    [32]byte
}

// A Prologue fixes the first Length blocks of a feed by their tree hash.
type Prologue struct {
	Hash   Hash
	Length uint64
}

// NewManifest returns the manifest of a fresh feed with one writer: version 1,
// one signer in the default namespace.
func NewManifest(public ed25519.PublicKey) *Manifest {
	return &Manifest{Version: 1, Quorum: 1, Signers: []Signer{{Namespace: nsDefault, Public: [32]byte(public)}}}
}

// Key returns the feed key, the hash of the manifest.
func (m *Manifest) Key() Key {
	var h Hash
	hash256(&h, nil, nsManifest[:], m.Append(nil))
	return Key(h)
}

// isKeyOf reports whether m is the manifest that a compat feed would have if
// it had one: its only signer is the feed key itself.
func (m *Manifest) isKeyOf(key Key) bool {
	return len(m.Signers) == 1 && m.Signers[0].Public == key
}

// Blobs returns the manifest of the blobs feed of a Hyperdrive whose database
// feed has this manifest and key (FORMAT.md section 5): the same signers, each in a
// namespace of its own. nil when the manifest is older than version 1.
func (m *Manifest) Blobs(key Key) *Manifest {
	if m.Version < 1 {
		return nil
	}
	blobs := &Manifest{Version: m.Version, AllowPatch: m.AllowPatch, Quorum: m.Quorum}
	for _, s := range m.Signers {
		var namespace Hash
		hash256(&namespace, nil, nsBlobs[:], key[:], s.Namespace[:])
		blobs.Signers = append(blobs.Signers, Signer{Namespace: namespace, Public: s.Public})
	}
	return blobs
}

// Clone returns a copy that shares nothing with m; nil for nil.
func (m *Manifest) Clone() *Manifest {
	if m == nil {
		return nil
	}
	c := *m
	c.Signers, c.Linked, c.UserData = slices.Clone(m.Signers), slices.Clone(m.Linked), slices.Clone(m.UserData)
	if m.Prologue != nil {
		prologue := *m.Prologue
		c.Prologue = &prologue
	}
	return &c
}

// Flags of manifests from version 1 on.
const (
	manifestAllowPatch = 1 << iota
	manifestPrologue
	manifestLinked
	manifestUserData
)

// Shapes of version 0 manifests.
const (
	shapeStatic = iota
	shapeSigner
	shapeSigners
)

// Append appends the manifest's encoding to b.
func (m *Manifest) Append(b []byte) []byte {
	b = compact.AppendUint(b, m.Version)
	if m.Version == 0 {
		return m.appendOld(b)
	}
	var flags uint64
	if m.AllowPatch {
		flags |= manifestAllowPatch
	}
	if m.Prologue != nil {
		flags |= manifestPrologue
	}
	if m.Linked != nil {
		flags |= manifestLinked
	}
	if m.UserData != nil {
		flags |= manifestUserData
	}
	b = compact.AppendUint(b, flags)
	b = compact.AppendUint(b, 0) // hash: BLAKE2b
	b = compact.AppendUint(b, m.Quorum)
	b = appendSigners(b, m.Signers)
	if m.Prologue != nil {
		b = append(b, m.Prologue.Hash[:]...)
		b = compact.AppendUint(b, m.Prologue.Length)
	}
	if m.Linked != nil {
		b = compact.AppendUint(b, uint64(len(m.Linked)))
		for _, key := range m.Linked {
			b = append(b, key[:]...)
		}
	}
	if m.UserData != nil {
		b = compact.AppendBuffer(b, m.UserData)
	}
	return b
}

// appendOld appends what follows the version in version 0.
func (m *Manifest) appendOld(b []byte) []byte {
	b = compact.AppendUint(b, 0) // hash: BLAKE2b
	switch {
	case m.Prologue != nil && len(m.Signers) == 0:
		b = compact.AppendUint(b, shapeStatic)
		return append(b, m.Prologue.Hash[:]...)
	case m.Quorum == 1 && len(m.Signers) == 1 && !m.AllowPatch:
		b = compact.AppendUint(b, shapeSigner)
		return appendSigner(b, m.Signers[0])
	}
	b = compact.AppendUint(b, shapeSigners)
	b = compact.AppendBool(b, m.AllowPatch)
	b = compact.AppendUint(b, m.Quorum)
	return appendSigners(b, m.Signers)
}

func appendSigners(b []byte, signers []Signer) []byte {
	b = compact.AppendUint(b, uint64(len(signers)))
	for _, s := range signers {
		b = appendSigner(b, s)
	}
	return b
}

func appendSigner(b []byte, s Signer) []byte {
	b = compact.AppendUint(b, 0) // ed25519
	b = append(b, s.Namespace[:]...)
	return append(b, s.Public[:]...)
}

// ParseManifest reads a manifest that is all of b. (Trailing bytes are refused.)
func ParseManifest(b []byte) (*Manifest, error) {
	d := compact.NewDecoder(b)
	m := DecodeManifest(d)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	if d.Len() > 0 {
		return nil, fmt.Errorf("reading manifest: %w: %d bytes follow it", ErrManifest, d.Len())
	}
	return m, nil
}

// DecodeManifest reads a manifest from d, which it does not retain. It sets d's
// error for one that is cut short, larger than [MaxManifest], of an unknown
// version or with impossible fields, and then returns nil.
func DecodeManifest(d *compact.Decoder) *Manifest {
	before := d.Len()
	m := &Manifest{Version: d.Uint()}
	switch {
	case m.Version > maxManifestVersion:
		d.Fail(fmt.Errorf("%w: version %d is unknown", ErrManifest, m.Version))
	case m.Version == 0:
		m.decodeOld(d)
	default:
		m.decode(d)
	}
	if d.Err() != nil {
		return nil
	}
	if size := before - d.Len(); size > MaxManifest {
		d.Fail(fmt.Errorf("%w: %d bytes, more than %d", ErrManifest, size, MaxManifest))
		return nil
	}
	if m.Quorum > uint64(len(m.Signers)) {
		d.Fail(fmt.Errorf("%w: %d of %d signers must sign", ErrManifest, m.Quorum, len(m.Signers)))
		return nil
	}
	return m
}

// decode reads what follows the version from version 1 on.
func (m *Manifest) decode(d *compact.Decoder) {
	flags := d.Uint()
	decodeZero(d, "hash")
	m.AllowPatch = flags&manifestAllowPatch != 0
	m.Quorum = d.Uint()
	m.Signers = decodeSigners(d)
	if flags&manifestPrologue != 0 {
		m.Prologue = &Prologue{Hash: d.Fixed32(), Length: d.Uint()}
	}
	if flags&(manifestLinked|manifestUserData) != 0 && m.Version < 2 {
		d.Fail(fmt.Errorf("%w: linked feeds and user data need version 2", ErrManifest))
	}
	if flags&manifestLinked != 0 {
		m.Linked = make([]Key, d.Count(len(Key{})))
		for i := range m.Linked {
			m.Linked[i] = d.Fixed32()
		}
	}
	if flags&manifestUserData != 0 {
		m.UserData = append([]byte{}, d.Buffer()...)
	}
}

// decodeOld reads what follows the version in version 0.
func (m *Manifest) decodeOld(d *compact.Decoder) {
	decodeZero(d, "hash")
	switch shape := d.Uint(); shape {
	case shapeStatic:
		m.Prologue = &Prologue{Hash: d.Fixed32()}
	case shapeSigner:
		m.Quorum = 1
		m.Signers = []Signer{decodeSigner(d)}
	case shapeSigners:
		m.AllowPatch = d.Uint()&1 != 0
		m.Quorum = d.Uint()
		m.Signers = decodeSigners(d)
	default:
		d.Fail(fmt.Errorf("%w: version 0 of type %d is unknown", ErrManifest, shape))
	}
}

func decodeSigners(d *compact.Decoder) []Signer {
	signers := make([]Signer, d.Count(1+32+32))
	for i := range signers {
		signers[i] = decodeSigner(d)
	}
	return signers
}

func decodeSigner(d *compact.Decoder) Signer {
	decodeZero(d, "signature")
	return Signer{Namespace: d.Fixed32(), Public: d.Fixed32()}
}

// decodeZero reads the number of an algorithm, of which there is one of each kind.
func decodeZero(d *compact.Decoder, what string) {
	if n := d.Uint(); n != 0 {
		d.Fail(fmt.Errorf("%w: %s algorithm %d is unknown", ErrManifest, what, n))
	}
}
