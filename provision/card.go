package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cobox/provision/label"
	"cobox/seeder/durable"
)

// A Card is what a box was given before anybody owned it: the public half of its
// label's code, its tag, and how it may be claimed. It is written by whoever
// flashes the box, and holds no secret.
type Card struct {
	Claim label.ClaimKey `json:"claim"`
	Tag   label.Tag      `json:"tag"`
	// Anywhere lets the box be claimed from anywhere, and not only from its own network.
	Anywhere bool `json:"anywhere,omitempty"`
	// WindowMinutes is for how long after it was switched on the box can be
	// claimed; 0 means 60.
	WindowMinutes int `json:"windowMinutes,omitempty"`
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
	if err := json.Unmarshal(body, &c); err != nil || c.Claim.IsZero() {
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
