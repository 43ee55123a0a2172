package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// MaxDraws bounds the draws of a challenge: what one answer may cost a box.
const MaxDraws = 64

// MaxChallenge bounds a challenge's bytes.
const MaxChallenge = 8 << 10

// version is that of the formats here.
const version = 1

// ErrChallenge says that bytes are not a well-formed challenge.
var ErrChallenge = errors.New("audit: not a well-formed challenge")

// A Draw names one block of a feed.
type Draw struct {
	Feed  feed.Key
	Block uint64
}

// A Challenge asks a box about blocks that were drawn at random.
type Challenge struct {
	// Nonce is 32 fresh random bytes: no answer can be prepared, or used twice.
	Nonce [32]byte
	// Digests asks for digests instead of blocks: for an auditor who has the blocks.
	Digests bool
	Draws   []Draw // 1 to MaxDraws
}

// NewChallenge asks for the blocks that were drawn, with a fresh nonce.
func NewChallenge(draws []Draw) *Challenge {
	c := &Challenge{Draws: draws}
	_, _ = rand.Read(c.Nonce[:]) // never fails
	return c
}

const flagDigests = 1

// Append appends the challenge's bytes.
func (c *Challenge) Append(b []byte) []byte {
	flags := uint64(0)
	if c.Digests {
		flags |= flagDigests
	}
	b = compact.AppendUint(compact.AppendUint(b, version), flags)
	b = append(b, c.Nonce[:]...)
	b = compact.AppendUint(b, uint64(len(c.Draws)))
	for _, d := range c.Draws {
		b = append(b, d.Feed[:]...)
		b = compact.AppendUint(b, d.Block)
	}
	return b
}

// ParseChallenge reads what [Challenge.Append] writes, and nothing else: a
// challenge has one form, so that its hash names it. Errors wrap [ErrChallenge].
func ParseChallenge(b []byte) (*Challenge, error) {
	d := compact.NewDecoder(b)
	v, flags := d.Uint(), d.Uint()
	c := &Challenge{Nonce: d.Fixed32(), Digests: flags&flagDigests != 0}
	n := d.Count(33)
	switch {
	case d.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrChallenge, d.Err())
	case v != version:
		return nil, fmt.Errorf("%w: version %d; this is version %d", ErrChallenge, v, version)
	case flags > flagDigests:
		return nil, fmt.Errorf("%w: flags %d", ErrChallenge, flags)
	case n == 0 || n > MaxDraws:
		return nil, fmt.Errorf("%w: %d draws; 1 to %d are allowed", ErrChallenge, n, MaxDraws)
	}
	c.Draws = make([]Draw, n)
	for i := range c.Draws {
		c.Draws[i] = Draw{Feed: d.Fixed32(), Block: d.Uint()}
	}
	if d.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrChallenge, d.Err())
	}
	if string(c.Append(nil)) != string(b) {
		return nil, fmt.Errorf("%w: not in its one form", ErrChallenge)
	}
	return c, nil
}

// Hash is the challenge's name, SHA-256 over its bytes.
func (c *Challenge) Hash() feed.Hash { return sha256.Sum256(c.Append(nil)) }

// digestPrefix opens what is hashed for a digest.
const digestPrefix = "cobox audit digest v1\n"

// digest is what a box answers to show that it has a block. The box's key is in
// it, so that no box can pass on the answer of another one.
func (c *Challenge) digest(box [32]byte, d Draw, block []byte) (sum feed.Hash) {
	h := sha256.New()
	h.Write([]byte(digestPrefix))
	h.Write(c.Nonce[:])
	h.Write(box[:])
	h.Write(d.Feed[:])
	h.Write(le64(d.Block))
	h.Write(block)
	h.Sum(sum[:0])
	return sum
}
