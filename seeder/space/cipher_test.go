package space_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// hexBytes are bytes that stand as hex in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

type sealedBlock struct {
	Index, Fork       uint64
	Plaintext, Stored hexBytes
}

// TestCipherVectors runs Hypercore's own vectors, in testdata/05-encryption.json.
func TestCipherVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/05-encryption.json")
	must(t, err)
	var vectors struct {
		Modes []struct {
			Mode                                  string
			EncryptionKey, HypercoreKey, BlockKey hexBytes
			Cases                                 []sealedBlock
		}
		Core struct {
			Key, EncryptionKey hexBytes
			Blocks             []sealedBlock
			AfterTruncate      sealedBlock `json:"afterTruncate3AppendOne"`
		}
	}
	must(t, json.Unmarshal(text, &vectors))
	check := func(t *testing.T, c *space.Cipher, v sealedBlock) {
		t.Helper()
		if got := c.Seal(v.Index, v.Fork, v.Plaintext); !bytes.Equal(got, v.Stored) {
			t.Errorf("Seal(%d, %d, %x) = %x, want %x", v.Index, v.Fork, v.Plaintext, got, v.Stored)
		}
		if got, err := c.Open(v.Index, v.Stored); err != nil || !bytes.Equal(got, v.Plaintext) {
			t.Errorf("Open(%d, %x) = %x, %v, want %x", v.Index, v.Stored, got, err, v.Plaintext)
		}
	}
	if len(vectors.Modes) != 3 {
		t.Fatalf("%d modes, want 3", len(vectors.Modes))
	}
	for _, m := range vectors.Modes {
		t.Run(m.Mode, func(t *testing.T) {
			var c *space.Cipher
			switch m.Mode {
			case "default":
				c = space.NewCipher([32]byte(m.EncryptionKey), feed.Key(m.HypercoreKey))
			case "blockKey":
				c = space.NewBlockCipher([32]byte(m.EncryptionKey))
			case "compat":
				c = space.NewCompatCipher([32]byte(m.EncryptionKey), feed.Key(m.HypercoreKey))
			default:
				t.Fatalf("unknown mode %q", m.Mode)
			}
			byKey := space.NewBlockCipher([32]byte(m.BlockKey))
			for _, v := range m.Cases {
				check(t, c, v)
				check(t, byKey, v)
			}
		})
	}
	core := space.NewCipher([32]byte(vectors.Core.EncryptionKey), feed.Key(vectors.Core.Key))
	for _, v := range append(vectors.Core.Blocks, vectors.Core.AfterTruncate) {
		check(t, core, v)
	}
}

// TestBlockKeys runs the block keys of testdata/01-crypto.json.
func TestBlockKeys(t *testing.T) {
	text, err := os.ReadFile("testdata/01-crypto.json")
	must(t, err)
	var vectors struct {
		Keys []struct {
			Key        hexBytes
			Encryption struct{ EncryptionKey, BlockKey, CompatBlockKey hexBytes }
		}
	}
	must(t, json.Unmarshal(text, &vectors))
	plaintext := []byte("the same block key gives the same stored bytes")
	for i, k := range vectors.Keys {
		for name, v := range map[string]struct {
			cipher *space.Cipher
			key    hexBytes
		}{
			"default": {space.NewCipher([32]byte(k.Encryption.EncryptionKey), feed.Key(k.Key)), k.Encryption.BlockKey},
			"compat":  {space.NewCompatCipher([32]byte(k.Encryption.EncryptionKey), feed.Key(k.Key)), k.Encryption.CompatBlockKey},
		} {
			if got, want := v.cipher.Seal(7, 1, plaintext), space.NewBlockCipher([32]byte(v.key)).Seal(7, 1, plaintext); !bytes.Equal(got, want) {
				t.Errorf("key %d, %s: stored %x, want %x", i, name, got, want)
			}
		}
	}
	if len(vectors.Keys) == 0 {
		t.Error("no vectors")
	}
}

func TestOpenShort(t *testing.T) {
	c := space.NewBlockCipher([32]byte{1})
	for n := range space.CipherOverhead {
		if _, err := c.Open(1, make([]byte, n)); !errors.Is(err, space.ErrDamaged) {
			t.Errorf("Open of %d bytes: %v", n, err)
		}
	}
}

func TestPhrase(t *testing.T) {
	for _, v := range []struct {
		secret space.Secret
		phrase string
	}{ // from the BIP 39 test vectors
		{space.Secret{}, strings.Repeat("abandon ", 23) + "art"},
		{space.Secret(bytes.Repeat([]byte{0x7f}, 32)), "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title"},
		{space.Secret(bytes.Repeat([]byte{0xff}, 32)), strings.Repeat("zoo ", 23) + "vote"},
	} {
		if got := v.secret.Phrase(); got != v.phrase {
			t.Errorf("Phrase = %q, want %q", got, v.phrase)
		}
		if got, err := space.ParsePhrase("  " + strings.ToUpper(strings.ReplaceAll(v.phrase, " ", "\n ")) + "\n"); err != nil || got != v.secret {
			t.Errorf("ParsePhrase(%q): %v", v.phrase, err)
		}
	}
	secret := space.NewSecret()
	phrase := secret.Phrase()
	if got, err := space.ParsePhrase(phrase); err != nil || got != secret {
		t.Errorf("ParsePhrase does not undo Phrase: %v", err)
	}
	words := strings.Fields(phrase)
	for _, bad := range []string{"", "abandon", strings.Join(words[1:], " "), phrase + " zoo", strings.Repeat("abandon ", 24), strings.Join(append([]string{"abondon"}, words[1:]...), " ")} {
		if _, err := space.ParsePhrase(bad); !errors.Is(err, space.ErrPhrase) {
			t.Errorf("ParsePhrase(%q): %v", bad, err)
		}
	}
	if _, err := space.ParsePhrase(strings.Repeat("abandon ", 6) + "abondon " + strings.Repeat("abandon ", 17)); err == nil || !strings.Contains(err.Error(), "word 7") {
		t.Errorf("a misspelt word is not named: %v", err)
	}
}

// No two keys are the same, and none is the secret.
func TestKeysDiffer(t *testing.T) {
	s := space.NewSecret()
	a, b := s.Keys(space.NewID()), s.Keys(space.NewID())
	content := []byte("content")
	if a.ChunkID(content) == b.ChunkID(content) {
		t.Error("two spaces give content the same ID")
	}
	if a.ChunkID(content) == s.Keys(a.Space).ChunkID([]byte("other")) || a.ChunkID(content) != s.Keys(a.Space).ChunkID(content) {
		t.Error("chunk IDs do not follow the content")
	}
	if s.EncryptionKey(feed.Key{1}) == s.EncryptionKey(feed.Key{2}) || s.EncryptionKey(feed.Key{}) == [32]byte(s) {
		t.Error("feeds share an encryption key")
	}
	if got := s.String(); strings.Contains(got, hex.EncodeToString(s[:4])) {
		t.Errorf("String gives the secret away: %q", got)
	}
}
