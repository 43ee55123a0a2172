package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cobox/provision/label"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// A Card is what a box was given before anybody owned it: the public half of its
// label's code, its tag, and how it may be claimed; or whose it is from the start.
// It is written by whoever flashes the box, and holds no secret, but for an
// [Owner]'s seed until the box's first start.
type Card struct {
	Claim label.ClaimKey `json:"claim"`
	Tag   label.Tag      `json:"tag"`
	// Anywhere lets the box be claimed from anywhere, and not only from its own network.
	Anywhere bool `json:"anywhere,omitempty"`
	// WindowMinutes is for how long after it was switched on the box can be
	// claimed; 0 means 60.
	WindowMinutes int `json:"windowMinutes,omitempty"`
	// Owner is whose the box is from its first start; nobody can claim it by a code
	// then. Zero for a box that has a code.
	Owner Owner `json:"owner,omitzero"`
}

// An Owner is whom a card names, so that he needs no code.
type Owner struct {
	Key identity.OperatorKey `json:"key"`
	// Seed is of the claim that the card stands for, by which the box shows which card
	// it was started from. The box blanks it once it has used it.
	Seed label.ClaimSeed `json:"seed,omitzero"`
}

// OwnedCard returns a new card for a box that is to be owner's from its first start.
func OwnedCard(owner identity.OperatorKey, tag label.Tag, random io.Reader) (Card, error) {
	seed, err := label.NewClaimSeed(random)
	if err != nil {
		return Card{}, fmt.Errorf("making a card: %w", err)
	}
	return Card{Claim: seed.Claim().Public(), Tag: tag, Owner: Owner{owner, seed}}, nil
}

// check tells whether the parts of a card fit each other. fresh is for one that no
// box has taken in.
func (c Card) check(fresh bool) error {
	o := c.Owner
	switch {
	case c.Claim.IsZero():
		return errors.New("there is no claim key")
	case o == Owner{}:
		return nil
	case o.Key.IsZero():
		return errors.New("it has a seed for an owner, and no owner")
	case o.Seed.IsZero() && fresh:
		return errors.New("it names an owner, and has no seed")
	case !o.Seed.IsZero() && o.Seed.Claim().Public() != c.Claim:
		return errors.New("the claim key is not that of the owner's seed")
	}
	return nil
}

// defaultWindow is how long after power-on a box can be claimed. A power cycle
// opens it again: that is the button that the box does not have.
const defaultWindow = 60 * time.Minute

func (c Card) window() time.Duration {
	if c.WindowMinutes > 0 {
		return time.Duration(c.WindowMinutes) * time.Minute
	}
	return defaultWindow
}

// cardFile is the card in the state folder: a line with the SHA-256 of the rest,
// and JSON.
const cardFile = "own/claim"

var (
	// ErrNoCard says that a box was never given a code.
	ErrNoCard = errors.New("this box has no pairing code: give it one with mkimage personalise")
	// ErrCard says that the card is not as it was written. Such a box cannot be
	// claimed, and is nobody's: a reset card is the way on.
	ErrCard = errors.New("the file with the pairing code's key is damaged: the box can be claimed again with a reset card alone")
)

// WriteCard gives the box with this state folder its card, in place of an
// earlier one.
func WriteCard(state string, c Card) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing the card: %w", err)
	}
	path := filepath.Join(state, cardFile)
	if err := durable.Mkdir(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing the card: %w", err)
	}
	if err := durable.WriteFile(path, summed(text), 0o600); err != nil {
		return fmt.Errorf("writing the card: %w", err)
	}
	return nil
}

// ReadCard returns the card of a state folder. Errors wrap [ErrNoCard] or [ErrCard].
func ReadCard(state string) (c Card, err error) {
	text, err := os.ReadFile(filepath.Join(state, cardFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, ErrNoCard
	}
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrCard, err)
	}
	body, whole := unsummed(text)
	if !whole {
		return c, ErrCard
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return Card{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	if err := c.check(false); err != nil {
		return Card{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	return c, nil
}

// summed returns text after a line with its SHA-256, by which [unsummed] tells
// whether it is whole. It guards against accidents: who can write the file can
// write the line.
func summed(text []byte) []byte {
	sum := sha256.Sum256(text)
	return append(hex.AppendEncode(nil, sum[:]), append([]byte{'\n'}, text...)...)
}

func unsummed(file []byte) (text []byte, whole bool) {
	sum, text, ok := bytes.Cut(file, []byte{'\n'})
	want := sha256.Sum256(text)
	return text, ok && string(sum) == hex.EncodeToString(want[:])
}
