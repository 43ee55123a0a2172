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
