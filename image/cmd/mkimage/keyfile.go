package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"
)

// A file with a private release key is one line: the key itself, or, with a
// passphrase, the word sealedKey and in base64 a salt and the key in a secretbox. The
// box's key is scrypt's of passphrase and salt, and so is of use once; its nonce is zero.
const (
	sealedKey = "cobox-sealed-release-key-1 "
	saltSize  = 16
	// The cost is 64 MiB of memory and some tenths of a second for each guess.
	scryptN, scryptR, scryptP = 1 << 16, 8, 1
	// minPassphrase is in characters. What is shorter is guessed in spite of the cost.
	minPassphrase = 12
)

var errPassphrase = errors.New("the passphrase is another")

// sealKey returns a key file's line, encrypted with a passphrase.
func sealKey(secret, passphrase string) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, err := passphraseKey(passphrase, salt)
	if err != nil {
		return "", err
	}
	return sealedKey + base64.StdEncoding.EncodeToString(secretbox.Seal(salt, []byte(secret), new([24]byte), key)), nil
}

// openKey returns the key in a sealed line, or errPassphrase.
func openKey(line, passphrase string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, sealedKey))
	if err != nil || len(b) < saltSize {
		return "", errors.New("it is no sealed key")
	}
	key, err := passphraseKey(passphrase, b[:saltSize])
	if err != nil {
		return "", err
	}
	secret, ok := secretbox.Open(nil, b[saltSize:], new([24]byte), key)
	if !ok {
		return "", errPassphrase
	}
	return string(secret), nil
}

func passphraseKey(passphrase string, salt []byte) (*[32]byte, error) {
	b, err := scrypt.Key([]byte(passphrase), salt, scryptN, scryptR, scryptP, 32)
	if err != nil {
		return nil, fmt.Errorf("making a key from the passphrase: %w", err)
	}
	return (*[32]byte)(b), nil
}
