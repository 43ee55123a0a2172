package boottest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"cobox/appliance/perm"
	"cobox/image/card"
	"cobox/provision"
	"cobox/provision/label"
)

// A Card is a file that is a box's card.
type Card struct {
	File  string
	Label label.Label // what is printed for the box
}

// Flash copies an image into a file of size bytes, as one flashes a card of that size.
func Flash(image, file string, size int64) error {
	if err := copySparse(image, file, size); err != nil {
		return fmt.Errorf("flashing a card: %w", err)
	}
	return nil
}

// NewCard flashes a card, and personalises it.
func NewCard(image, file string, size int64) (c Card, err error) {
	if err := Flash(image, file, size); err != nil {
		return c, err
	}
	c.File = file
	if c.Label, err = NewLabel(); err != nil {
		return c, err
	}
	seed := make([]byte, 64)
	if _, err := io.ReadFull(rand.Reader, seed); err != nil {
		return c, err
	}
	text, err := provision.Personal{Card: provision.Card{Claim: c.Label.Code.Claim().Public(), Tag: c.Label.Tag}, Seed: seed}.Text()
	if err != nil {
		return c, err
	}
	return c, withCard(file, func(f *os.File, size int64) error {
		return card.Overwrite(f, size, provision.PersonalFile, text)
	})
}

// PutReset puts a reset card on a card's boot volume, as anybody does who puts it into
// a computer and copies a file there.
func PutReset(card string, text []byte) error {
	dir, err := os.MkdirTemp("", "reset-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "RESET")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	at, err := bootVolume(card)
	if err != nil {
		return err
	}
	out, err := exec.Command("mcopy", "-o", "-i", fmt.Sprintf("%s@@%d", card, at), file, "::/RESET").CombinedOutput()
	if err != nil {
		return fmt.Errorf("putting a reset card on the boot volume with mcopy: %w: %s", err, out)
	}
	return nil
}

// bootVolume returns where a card's boot volume begins, in bytes.
func bootVolume(file string) (start int64, err error) {
	err = withCard(file, func(f *os.File, size int64) error {
		t, err := perm.ReadTable(f, size)
		if err != nil {
			return err
		}
		at, ok := t.Partition(1)
		if !ok {
			return errors.New("the card has no boot volume")
		}
		start = at.Start
		return nil
	})
	return start, err
}

// NewLabel makes what is printed for a box.
func NewLabel() (l label.Label, err error) {
	if l.Code, err = label.New(rand.Reader); err == nil {
		l.Tag, err = label.NewTag(rand.Reader)
	}
	return l, err
}

// copySparse leaves out what is zero.
func copySparse(from, to string, size int64) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buf, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	var at int64
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 && string(buf[:n]) != string(zero[:n]) {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return err
		}
	}
	return out.Truncate(max(size, at))
}

// answerMark is what the console shows when both daemons have come up.
const answerMark = "seederd answers"

// AwaitBox waits until the box's programs answer, and returns the address at which
// its libp2p host is reached, with its ID.
func (g *Guest) AwaitBox(ctx context.Context) (addr string, err error) {
	if _, err := g.Await(ctx, answerMark); err != nil {
		return "", err
	}
	line, err := g.Await(ctx, "s box 12D3Koo")
	if err != nil {
		return "", err
	}
	if err := g.awaitPort(ctx); err != nil {
		return "", err
	}
	return g.Addr() + "/p2p/" + line[strings.LastIndexByte(line, ' ')+1:], nil
}

// awaitPort waits until somebody at the box's end accepts connections: QEMU itself
// accepts them from the start, and closes them when nobody does.
func (g *Guest) awaitPort(ctx context.Context) error {
	for {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", g.ports["tcp/4001"]))
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		_, err = io.ReadFull(c, make([]byte, 1)) // libp2p speaks first
		stop()
		_ = c.Close()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the box's port: %w", ctx.Err())
		}
	}
}

// Dir makes a folder for a guest in dir.
func Dir(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.MkdirAll(path, 0o700)
}
