package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/provision"
	"cobox/seeder/durable"
)

// resetName is the file on the boot volume in which somebody has put a reset card,
// with any computer. FAT does not tell small letters from large ones.
const resetName = "RESET"

// maxOnCard bounds what is read of a file on the boot volume, in bytes.
const maxOnCard = 64 << 10

// takeReset brings a reset card from the boot volume to where provisiond looks for
// one, and blanks it. Provisiond judges it and applies it once, whatever is cut off
// here: what was brought twice is found applied.
func takeReset(volume, state string) (taken bool, err error) {
	path := filepath.Join(volume, resetName)
	text, err := readCardFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && blank(text) {
		return false, nil
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, provision.ResetFile), text, 0o600)
	}
	if err == nil {
		err = blankFile(path)
	}
	if err != nil {
		return false, fmt.Errorf("taking the reset card from the boot volume: %w", err)
	}
	return true, nil
}

// takePersonal takes in what makes a box of the card: its code's public key and tag
// go to the state folder, the seed is returned, nil when there is nothing to take in.
// The caller blanks it when the box key has been made ([blankPersonal]). A box that
// somebody has owned keeps what it has: a reset card is the way to another code.
func takePersonal(volume, state string) (seed []byte, err error) {
	text, err := readCardFile(filepath.Join(volume, provision.PersonalFile))
	if err != nil {
		return nil, fmt.Errorf("taking the card's personalisation in: %w", err)
	}
	p, err := provision.ParsePersonal(text)
	if errors.Is(err, provision.ErrBlank) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("taking the card's personalisation in: %w", err)
	}
	if c, err := ownership(state); err == nil && c.Seq > 0 {
		return []byte{}, errors.New("the card was personalised anew, but this box has had an owner: its code stays as it was; mkimage reset-card makes a card that changes it")
	}
	if err := provision.WriteCard(state, p.Card); err != nil {
		return nil, err
	}
	return append([]byte{}, p.Seed...), nil
}

// blankPersonal overwrites the card's personalisation, of which no use is left.
func blankPersonal(volume string) error {
	path := filepath.Join(volume, provision.PersonalFile)
	text, err := readCardFile(path)
	if err == nil && !blank(text) {
		err = blankFile(path)
	}
	if err != nil {
		return fmt.Errorf("blanking the card's personalisation: %w", err)
	}
	return nil
}

func readCardFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxOnCard+1))
	if err == nil && len(text) > maxOnCard {
		err = fmt.Errorf("%s is longer than %d bytes", filepath.Base(path), maxOnCard)
	}
	return text, err
}

// blank reports whether a file's content says nothing.
func blank(text []byte) bool { return len(bytes.Trim(text, " \r\n\x00")) == 0 }

// blankFile overwrites a file in place, so that the volume's tables stay as they
// are: after a power cut the volume is sound.
func blankFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{' '}, int(min(info.Size(), maxOnCard))), 0); err != nil {
		return err
	}
	return f.Sync()
}
