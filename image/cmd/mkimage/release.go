package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"cobox/appliance/release"
	"cobox/image/build"
	"cobox/seeder/cli"
	"cobox/seeder/durable"

	"golang.org/x/mod/sumdb/note"
)

func releaseCommand() cli.Command {
	var (
		keys    cli.Strings
		out     string
		minFrom uint64
	)
	return cli.Command{
		Name: "release", Args: "-key FILE -key FILE [-o FILE] IMAGE", Short: "sign an image's system as an update for boxes",
		Help: `
Makes the file that coboxctl update sends to boxes: the root file system of an image,
with a manifest that release keys sign. Boxes want two keys of theirs, or one when
they have only one; they take no version that is not higher than their own. Kernel and
firmware are not in it: they change when a card is flashed anew.

	mkimage release -key ~/release/cobox-1.key -key ~/release/cobox-2.key dist/cobox-rpi.img`,
		Flags: func(fs *flag.FlagSet) {
			fs.Var(&keys, "key", "a `file` with a private release key; may be given several times")
			fs.StringVar(&out, "o", "", "write the release into this `file` (default: the image's name, ending in .release)")
			fs.Uint64Var(&minFrom, "min-from", 0, "the lowest `version` that can be updated to this one")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) != 1 || len(keys) == 0 {
				return cli.Misuse("release needs an image, and a -key or more")
			}
			signers, err := readSigners(c, keys)
			if err != nil {
				return err
			}
			if out == "" {
				out = strings.TrimSuffix(c.Args[0], filepath.Ext(c.Args[0])) + ".release"
			}
			f, size, err := openImage(c.Args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // only read
			system, root, err := build.System(f, size)
			if err != nil {
				return err
			}
			m := release.Manifest{System: system, MinFrom: minFrom, Root: release.File{Sum: sha256.Sum256(root), Size: int64(len(root))}}
			signed, err := release.Sign(m, signers...)
			if err != nil {
				return err
			}
			var file bytes.Buffer
			if err := release.Write(&file, signed, bytes.NewReader(root)); err != nil {
				return err
			}
			if err := durable.WriteFile(out, file.Bytes(), 0o644); err != nil {
				return err
			}
			id := m.ID()
			result := struct {
				File    string `json:"file"`
				ID      string `json:"id"`
				Board   string `json:"board"`
				Version uint64 `json:"version"`
				Name    string `json:"name"`
				Signers int    `json:"signers"`
				Size    int    `json:"size"`
			}{out, hex.EncodeToString(id[:]), m.Board, m.Version, m.Name, len(signers), file.Len()}
			return c.Print(result, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %s %s, version %d (%s), %s, signed by %d\n", out, m.Product, m.Board, m.Version, m.Name, cli.FormatBytes(uint64(file.Len())), len(signers))
				fmt.Fprintf(w, "release ID %s\n", result.ID)
			})
		},
	}
}

// maxKeyFile bounds a file with a release key, in bytes.
const maxKeyFile = 4 << 10

// readSigners reads release keys. For those with a passphrase it asks; one that opens
// a key is tried on the next before.
func readSigners(c *cli.Call, paths []string) (signers []note.Signer, err error) {
	passphrase := ""
	for _, path := range paths {
		line, err := readKeyFile(path)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(line, sealedKey) {
			secret, err := "", errPassphrase
			if passphrase != "" {
				secret, err = openKey(line, passphrase)
			}
			if errors.Is(err, errPassphrase) {
				if passphrase, err = c.AskSecret("the passphrase of " + path); err != nil {
					return nil, err
				}
				secret, err = openKey(line, passphrase)
			}
			if err != nil {
				return nil, fmt.Errorf("opening %s: %w", path, err)
			}
			line = secret
		}
		s, err := note.NewSigner(line)
		if err != nil {
			return nil, fmt.Errorf("%s is no private release key", path) // not the reason: it may quote the key
		}
		signers = append(signers, s)
	}
	return signers, nil
}

// readKeyFile returns the line in a file with a release key.
func readKeyFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading the release key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 || info.Size() > maxKeyFile {
		return "", cli.WithHint(fmt.Errorf("%s can be read by others, or is no release key", path), "a private key is for its owner alone: chmod 600 "+path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the release key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func releaseKeysCommand() cli.Command {
	var (
		dir, name string
		count     int
		plain     bool
	)
	return cli.Command{
		Name: "release-keys", Args: "-o DIR -name NAME", Short: "make keys for releases of one's own",
		Help: `
Makes three release keys, of which boxes want two: DIR/NAME-1.key to DIR/NAME-3.key, and
the public halves in DIR/release-keys, which go into images (mkimage build -keys).

	mkimage release-keys -o ~/release -name example.org

A passphrase is asked for, with which the private ones are encrypted; -plain makes them
without.

Whoever has two of them can change what your boxes run, once an operator has ordered
the update. Take each to a place of its own, such as a stick in a drawer and another
person's computer; keep one on paper. The folder must not be in a git repository.
A box knows the keys that are in the image that it runs: to change keys, release an
image with the new ones, signed by the old ones.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&dir, "o", "", "the `folder` for the keys")
			fs.StringVar(&name, "name", "", "whose keys they are: a `name` without spaces and plus signs, such as a domain")
			fs.IntVar(&count, "count", 3, "how `many`")
			fs.BoolVar(&plain, "plain", false, "do not encrypt the private keys: for trials, and where the medium is encrypted")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) > 0 || dir == "" || name == "" || strings.ContainsAny(name, "+/ \t\n") {
				return cli.Misuse("release-keys needs -o, and -name without spaces, slashes and plus signs")
			}
			if count < 1 || count > release.MaxKeys {
				return cli.Misuse("-count is 1 to %d", release.MaxKeys)
			}
			return makeKeys(c, dir, name, count, plain)
		},
	}
}

func makeKeys(c *cli.Call, dir, name string, count int, plain bool) error {
	if repo, ok := inGit(dir); ok {
		return cli.WithHint(fmt.Errorf("%s is in the git repository %s: private keys would end up in it", dir, repo), "name a folder elsewhere")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making release keys: %w", err)
	}
	public := filepath.Join(dir, "release-keys")
	if _, err := os.Lstat(public); !errors.Is(err, fs.ErrNotExist) {
		return cli.WithHint(fmt.Errorf("%s is there already", public), "name another folder: keys that are in use must not be lost")
	}
	passphrase := ""
	if !plain {
		var err error
		if passphrase, err = newPassphrase(c); err != nil {
			return err
		}
	}
	var all strings.Builder
	result := struct {
		Public string   `json:"public"`
		Keys   []string `json:"keys"`
	}{Public: public}
	for i := range count {
		keyName := fmt.Sprintf("%s-%d", name, i+1)
		secret, verifier, err := note.GenerateKey(rand.Reader, keyName)
		if err != nil {
			return fmt.Errorf("making release keys: %w", err)
		}
		if !plain {
			if secret, err = sealKey(secret, passphrase); err != nil {
				return fmt.Errorf("encrypting a release key: %w", err)
			}
		}
		file := filepath.Join(dir, keyName+".key")
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already", file)
		}
		if err := durable.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			return fmt.Errorf("making release keys: %w", err)
		}
		all.WriteString(verifier + "\n")
		result.Keys = append(result.Keys, file)
	}
	if err := durable.WriteFile(public, []byte(all.String()), 0o644); err != nil {
		return fmt.Errorf("making release keys: %w", err)
	}
	return c.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "private: %s\n", strings.Join(result.Keys, ", "))
		fmt.Fprintf(w, "public:  %s, for mkimage build -keys\n", public)
		fmt.Fprintln(w, "now take each private key to a place of its own: see mkimage help release-keys")
	})
}

// newPassphrase asks for a passphrase, twice where a person types it.
func newPassphrase(c *cli.Call) (string, error) {
	p, err := c.AskSecret("a passphrase for the private keys")
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(p) < minPassphrase {
		return "", cli.WithHint(fmt.Errorf("the passphrase has fewer than %d characters", minPassphrase), "take some words that nobody would put together; -plain makes keys without")
	}
	if c.Terminal() {
		again, err := c.AskSecret("the same again")
		if err != nil {
			return "", err
		}
		if again != p {
			return "", errors.New("the two passphrases differ")
		}
	}
	return p, nil
}

// inGit returns the git repository that a folder is in, or will be.
func inGit(dir string) (string, bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}
