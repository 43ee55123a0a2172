package pairing

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"cobox/provision/label"
	"cobox/seeder/identity"
)

// Protocol is the libp2p protocol of the exchange.
const Protocol = "/cobox/pair/1"

// version stands first in every message.
const version = 1

// MaxSealedName bounds the sealed name that comes with a claim, in bytes.
const MaxSealedName = 512

// maxMessage bounds a message: a claim with the longest name has 725 bytes.
const maxMessage = 1024

// A Kind says what kind of key is to get the rights.
type Kind byte

// The kinds.
const (
	Operator Kind = 1 // an operator's key: owner, operator or observer, as the code says
	Partner  Kind = 2
)

// ErrMessage says that bytes are no message of the exchange.
var ErrMessage = errors.New("not a message of the pairing exchange")

// A hello is what the box says first.
type hello struct{ nonce [32]byte }

// A claim is what the holder of a code says.
type claim struct {
	nonce          [32]byte
	id             label.ClaimID
	kind           Kind
	key            [32]byte
	sealedName     []byte
	claimSignature [64]byte
	keySignature   [64]byte
}

// An accept is the box's answer. All but answer is zero unless it is ok.
type accept struct {
	answer     Answer
	proof      [32]byte
	box        identity.BoxKey
	epoch, seq uint64
	signature  [64]byte
}

func (m *hello) append(b []byte) []byte { return append(append(b, version), m.nonce[:]...) }

func (m *claim) append(b []byte) []byte {
	b = append(append(b, version), m.nonce[:]...)
	b = append(append(b, m.id[:]...), byte(m.kind))
	b = append(b, m.key[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.sealedName)))
	b = append(b, m.sealedName...)
	return append(append(b, m.claimSignature[:]...), m.keySignature[:]...)
}

func (m *accept) append(b []byte) []byte {
	b = append(b, version, byte(m.answer))
	if m.answer != OK {
		return b
	}
	b = append(append(b, m.proof[:]...), m.box[:]...)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, m.epoch), m.seq)
	return append(b, m.signature[:]...)
}

// A reader takes a message apart.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		return make([]byte, n)
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// begin checks the version. Another one is an error for people.
func begin(b []byte) (*reader, error) {
	if len(b) == 0 {
		return nil, ErrMessage
	}
	if b[0] != version {
		return nil, fmt.Errorf("%w: the other side speaks version %d, this is %d: update the older of the two", ErrVersion, b[0], version)
	}
	return &reader{b: b[1:]}, nil
}

// end checks that all was there, and no more.
func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return ErrMessage
	}
	return nil
}

func parseHello(b []byte) (m hello, err error) {
	r, err := begin(b)
	if err != nil {
		return m, err
	}
	copy(m.nonce[:], r.take(32))
	return m, r.end()
}

func parseClaim(b []byte) (m claim, err error) {
	r, err := begin(b)
	if err != nil {
		return m, err
	}
	copy(m.nonce[:], r.take(32))
	copy(m.id[:], r.take(16))
	m.kind = Kind(r.take(1)[0])
	copy(m.key[:], r.take(32))
	n := int(binary.BigEndian.Uint16(r.take(2)))
	if n > MaxSealedName || m.kind != Operator && m.kind != Partner {
		return m, ErrMessage
	}
	m.sealedName = bytes.Clone(r.take(n))
	copy(m.claimSignature[:], r.take(64))
	copy(m.keySignature[:], r.take(64))
	return m, r.end()
}

func parseAccept(b []byte) (m accept, err error) {
	r, err := begin(b)
	if err != nil {
		return m, err
	}
	m.answer = Answer(r.take(1)[0])
	if m.answer == OK {
		copy(m.proof[:], r.take(32))
		copy(m.box[:], r.take(32))
		m.epoch, m.seq = binary.BigEndian.Uint64(r.take(8)), binary.BigEndian.Uint64(r.take(8))
		copy(m.signature[:], r.take(64))
	}
	return m, r.end()
}

// writeMessage writes a message in its frame: two bytes of length, highest first.
func writeMessage(w io.Writer, body []byte) error {
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(body)), uint16(len(body)))
	_, err := w.Write(append(frame, body...))
	return err
}

// readMessage reads a message. It allocates no more than a message can have.
func readMessage(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint16(n[:])
	if size > maxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return body, nil
}

// A Transcript is what both sides sign: the hash of all that makes one exchange
// this one.
type Transcript [32]byte

// transcript returns the transcript of a claim (PAIRING.md, "Transcript").
func transcript(box, client identity.PeerID, boxNonce [32]byte, m *claim) Transcript {
	name := sha256.Sum256(m.sealedName)
	h := sha256.New()
	for _, field := range [][]byte{
		[]byte(Protocol), []byte(box), []byte(client), boxNonce[:], m.nonce[:],
		m.id[:], {byte(m.kind)}, m.key[:], name[:],
	} {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		_, _ = h.Write(field)
	}
	return Transcript(h.Sum(nil))
}

// What is signed, each under a purpose of its own.
func (t Transcript) forClaim() []byte { return append([]byte("cobox/pair-claim/v1\n"), t[:]...) }
func (t Transcript) forKey() []byte   { return append([]byte("cobox/pair-key/v1\n"), t[:]...) }

func (t Transcript) forBox(epoch, seq uint64) []byte {
	b := append([]byte("cobox/pair-box/v1\n"), t[:]...)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, epoch), seq)
}

// proof is how the box shows that it knows the claim key, and so is the one that
// the label was printed for.
func (t Transcript) proof(k label.ClaimKey) (p [32]byte) {
	secret := k.BoxProofKey()
	m := hmac.New(sha256.New, secret[:])
	_, _ = m.Write([]byte("cobox/pair-accept/v1\n"))
	_, _ = m.Write(t[:])
	m.Sum(p[:0])
	return p
}
