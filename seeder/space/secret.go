package space

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"cobox/seeder/feed"

	"github.com/tyler-smith/go-bip39"
)

// PhraseWords is the number of words of a recovery phrase.
const PhraseWords = 24

// The purposes of the keys that are derived from a [Secret]. No key does two jobs.
const (
	contextPartner = "cobox/partner/v1"
	contextFeed    = "cobox/feed-encryption/v1"
	contextChunkID = "cobox/chunk-id/v1"
	contextChunker = "cobox/chunker/v1"
)

// ErrPhrase says that a text is no recovery phrase.
var ErrPhrase = errors.New("not a recovery phrase")

// A Secret is the root of a partner's keys. Who has it and the feed keys reads
// everything; it is never on a box. Its other form is the recovery phrase.
type Secret [32]byte

// NewSecret returns a fresh random secret.
func NewSecret() Secret {
	var s Secret
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// String hides the secret, so that it cannot be logged by accident.
func (s Secret) String() string { return "secret(hidden)" }

// GoString hides the secret too.
func (s Secret) GoString() string { return s.String() }

// Phrase returns the recovery phrase: 24 English words of BIP 39, with one space between.
func (s Secret) Phrase() string {
	phrase, err := bip39.NewMnemonic(s[:])
	if err != nil {
		panic("space: " + err.Error()) // only for a wrong length
	}
	return phrase
}

// ParsePhrase reads a recovery phrase; case and the space between words do not
// matter. The error wraps [ErrPhrase] and names the word that is wrong, or says
// that the words do not belong together (8 bits of checksum).
func ParsePhrase(text string) (Secret, error) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) != PhraseWords {
		return Secret{}, fmt.Errorf("%w: it has %d words, not %d", ErrPhrase, len(words), PhraseWords)
	}
	for i, word := range words {
		if _, ok := bip39.GetWordIndex(word); !ok {
			return Secret{}, fmt.Errorf("%w: word %d, %q, is not in the list: check its spelling", ErrPhrase, i+1, word)
		}
	}
	entropy, err := bip39.EntropyFromMnemonic(strings.Join(words, " "))
	if err != nil || len(entropy) != len(Secret{}) {
		return Secret{}, fmt.Errorf("%w: all words exist, but they do not belong together: check their order and that none was mistaken for another", ErrPhrase)
	}
	return Secret(entropy), nil
}

// PartnerKey returns the key that the partner signs with. It is the same on all
// devices. Feeds are not signed with it: each device makes its feeds' keys at
// random, so that two devices can never write one feed.
func (s Secret) PartnerKey() ed25519.PrivateKey {
	seed := s.derive(contextPartner)
	return ed25519.NewKeyFromSeed(seed[:])
}

// EncryptionKey returns the Hypercore encryption key of a feed, as any Hypercore
// client takes it (`encryptionKey`).
func (s Secret) EncryptionKey(key feed.Key) [32]byte {
	return s.derive(contextFeed + string(key[:]))
}

// Cipher returns the block cipher of a feed.
func (s Secret) Cipher(key feed.Key) *Cipher {
	return NewCipher(s.EncryptionKey(key), key)
}

// derive is HKDF-SHA256 without salt: the secret is uniformly random already.
func (s Secret) derive(info string) [32]byte {
	key, err := hkdf.Key(sha256.New, s[:], nil, info, 32)
	if err != nil {
		panic("space: " + err.Error()) // only for an impossible length
	}
	return [32]byte(key)
}

// An ID names a space. It is random, and the same in all feeds of the space.
type ID [16]byte

// NewID returns a fresh ID.
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// String returns the ID in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads 32 hex characters.
func ParseID(text string) (ID, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(ID{}) {
		return ID{}, fmt.Errorf("%q is not a space ID, which has 32 hex digits", text)
	}
	return ID(b), nil
}
