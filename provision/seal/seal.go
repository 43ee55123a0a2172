package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cobox/seeder/identity"

	"filippo.io/edwards25519"
)

const (
	// MaxName bounds a name in bytes of UTF-8. All names take the same room when
	// they are sealed, so that their length tells nothing.
	MaxName = 63
	// MaxReaders bounds the operators that a name is sealed to: a sealed name has
	// at most 512 bytes, see chain.MaxSealed.
	MaxReaders = 24
)

const (
	version  = 1
	keySize  = 16 // AES-128
	tagSize  = 16
	pointLen = 32
	setLen   = 4
	headLen  = 1 + setLen + pointLen + 1
	info     = "cobox/sealed-name/v1"
)

var (
	// ErrName says that a text is no name.
	ErrName = errors.New("a name has 1 to 63 bytes, without line breaks and other control characters")
	// ErrForm says that bytes are no sealed name, or of a later version.
	ErrForm = errors.New("this is no sealed name that this version can read")
	// ErrOthers says that a name was not sealed to this operator, or was changed.
	ErrOthers = errors.New("the name is sealed to other operators")
)

// CheckName tells whether a text can be sealed. The error wraps [ErrName].
func CheckName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ErrName
	}
	return nil
}

// Name seals a name to the first [MaxReaders] of these operators. Random is
// crypto/rand's when nil. The error wraps [ErrName], or says that one of the keys
// is none.
func Name(name string, readers []identity.OperatorKey, random io.Reader) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("sealing a name: %w", err)
	}
	if len(readers) == 0 {
		return nil, errors.New("sealing a name: there is nobody to seal it to")
	}
	readers = readers[:min(len(readers), MaxReaders)]
	if random == nil {
		random = rand.Reader
	}
	var secret [pointLen + keySize]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return nil, fmt.Errorf("sealing a name: %w", err)
	}
	sender, err := ecdh.X25519().NewPrivateKey(secret[:pointLen])
	if err != nil {
		return nil, fmt.Errorf("sealing a name: %w", err)
	}
	key := secret[pointLen:]

	set := Set(readers)
	out := append([]byte{version}, set[:]...)
	out = append(out, sender.PublicKey().Bytes()...)
	out = append(out, byte(len(readers)))
	for _, r := range readers {
		to, err := montgomery(r)
		if err != nil {
			return nil, fmt.Errorf("sealing a name to %s: %w", r, err)
		}
		wrap, err := wrapping(sender, to, sender.PublicKey(), to)
		if err != nil {
			return nil, fmt.Errorf("sealing a name to %s: %w", r, err)
		}
		subtle.XORBytes(wrap, wrap, key)
		out = append(out, wrap...)
	}
	plain := make([]byte, 1+MaxName)
	plain[0] = byte(len(name))
	copy(plain[1:], name)
	return box(key).Seal(out, make([]byte, 12), plain, out), nil
}

// Open returns the name in sealed, which must have been sealed to the operator
// with this key. Errors wrap [ErrForm] or [ErrOthers].
func Open(sealed []byte, operator ed25519.PrivateKey) (string, error) {
	if len(sealed) < headLen || sealed[0] != version {
		return "", fmt.Errorf("opening a name: %w", ErrForm)
	}
	n := int(sealed[headLen-1])
	head := headLen + n*keySize
	if n == 0 || n > MaxReaders || len(sealed) != head+1+MaxName+tagSize {
		return "", fmt.Errorf("opening a name: %w", ErrForm)
	}
	sender, err := ecdh.X25519().NewPublicKey(sealed[1+setLen : headLen-1])
	if err != nil {
		return "", fmt.Errorf("opening a name: %w", ErrForm)
	}
	hash := sha512.Sum512(operator.Seed())
	own, err := ecdh.X25519().NewPrivateKey(hash[:pointLen])
	if err != nil {
		return "", fmt.Errorf("opening a name: %w", err)
	}
	wrap, err := wrapping(own, sender, sender, own.PublicKey())
	if err != nil {
		return "", fmt.Errorf("opening a name: %w", ErrForm)
	}
	key := make([]byte, keySize)
	for i := range n {
		subtle.XORBytes(key, wrap, sealed[headLen+i*keySize:][:keySize])
		plain, err := box(key).Open(nil, make([]byte, 12), sealed[head:], sealed[:head])
		if err != nil {
			continue // another reader's
		}
		name := string(plain[1 : 1+min(int(plain[0]), MaxName)])
		if err := CheckName(name); err != nil {
			return "", fmt.Errorf("opening a name: %w", err)
		}
		return name, nil
	}
	return "", fmt.Errorf("opening a name: %w", ErrOthers)
}

// SealedTo reports whether a name is sealed to just these operators, or to as
// many of them as a name can be sealed to. It is false for what is no sealed name.
// Operators' tools look at it to see whether a name has to be sealed anew.
func SealedTo(sealed []byte, readers []identity.OperatorKey) bool {
	set := Set(readers[:min(len(readers), MaxReaders)])
	return len(sealed) >= headLen && sealed[0] == version && bytes.Equal(sealed[1:1+setLen], set[:])
}

// Set returns four bytes that stand for a set of operators, in whatever order.
func Set(readers []identity.OperatorKey) [setLen]byte {
	keys := slices.Clone(readers)
	slices.SortFunc(keys, func(a, b identity.OperatorKey) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	h.Write([]byte(info)) // a hash never fails
	for _, k := range keys {
		h.Write(k[:])
	}
	return [setLen]byte(h.Sum(nil))
}

// wrapping returns what the name's key is XORed with for one reader.
func wrapping(own *ecdh.PrivateKey, other, sender, reader *ecdh.PublicKey) ([]byte, error) {
	shared, err := own.ECDH(other)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, shared, slices.Concat(sender.Bytes(), reader.Bytes()), info, keySize)
}

// box is AES-128-GCM. Each key is used once, and so the nonce is zero.
func box(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("seal: " + err.Error()) // the key has the right size
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return gcm
}

// montgomery returns the X25519 key of an ed25519 key (RFC 7748, section 4.1).
func montgomery(k identity.OperatorKey) (*ecdh.PublicKey, error) {
	p, err := new(edwards25519.Point).SetBytes(k[:])
	if err != nil {
		return nil, errors.New("this is no ed25519 key")
	}
	return ecdh.X25519().NewPublicKey(p.BytesMontgomery())
}
