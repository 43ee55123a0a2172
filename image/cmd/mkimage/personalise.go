package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cobox/image/card"
	"cobox/image/sheet"
	"cobox/provision"
	"cobox/provision/label"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
)

// A newBox says how boxes are given their codes.
type newBox struct {
	anywhere, again bool
	png, svg        string // the QR alone
	labels          string // whole labels
	paper           paper
}

func personaliseCommand() cli.Command {
	var (
		b          newBox
		state, dir string
		count      int
	)
	return cli.Command{
		Name: "personalise", Args: "[-labels FILE] CARD", Short: "give a box its pairing code, and draw the label",
		Help: `
Makes a pairing code and a tag for the box whose card this is: a device onto which an
image was flashed, or a file with an image, in place. The card gets the public half
alone; the code is shown here, once, to be printed or written down: who has it owns the
box. The card also gets random bytes that the box mixes into its key. It must not be
mounted.

	mkimage personalise -labels label.pdf /dev/sdb

With -o makes copies of an image, each for a box of its own, and one sheet of labels:

	mkimage personalise -count 20 -o cards -labels labels.pdf -paper a4 dist/cobox-rpi.img

With -state, instead, for a box whose programs run without an image:

	mkimage personalise -state var/box -png label.png`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&state, "state", "", "the box's state `folder`, for a box without a card")
			fs.StringVar(&dir, "o", "", "copy the image into this `folder`, as cobox-TAG.img, and give the copies their codes")
			fs.IntVar(&count, "count", 1, "how many `copies`; with -o")
			fs.StringVar(&b.labels, "labels", "", "draw the labels into this `file`: .pdf, .png or .svg")
			fs.StringVar(&b.paper.size, "paper", sheet.Standard.String(), "`WxH`, one label of this size in millimetres a page, or a4; with -labels")
			fs.StringVar(&b.png, "png", "", "draw the label's QR into this `file`")
			fs.StringVar(&b.svg, "svg", "", "draw the label's QR into this `file`")
			fs.BoolVar(&b.anywhere, "anywhere", false, "let the box be claimed from anywhere, and not only from its own network")
			fs.BoolVar(&b.again, "again", false, "replace the code of a box that has one and that nobody has claimed")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			switch {
			case (state == "") != (len(c.Args) == 1) || len(c.Args) > 1:
				return cli.Misuse("personalise needs a card or a file with an image, or -state")
			case dir == "" && count != 1:
				return cli.Misuse("-count is for copies of an image: say with -o where they go")
			case dir != "" && (state != "" || b.png != "" || b.svg != ""):
				return cli.Misuse("-o is for copies of an image, whose labels go where -labels says")
			case count < 1 || count > maxLabels:
				return cli.Misuse("-count is 1 to %d", maxLabels)
			}
			if err := checkLabelFile(b.labels); err != nil {
				return err
			}
			if _, err := b.paper.pages(nil); err != nil {
				return cli.Misuse("%v", err)
			}
			switch {
			case state != "":
				return b.state(c, state)
			case dir != "":
				return b.copies(c, c.Args[0], dir, count)
			}
			return b.card(c, c.Args[0])
		},
	}
}

// state gives a code to a box that has no card.
func (b newBox) state(c *cli.Call, state string) error {
	_, err := provision.ReadCard(state)
	if !b.again && !errors.Is(err, provision.ErrNoCard) {
		return cli.WithHint(fmt.Errorf("%s has a pairing code already", state), "-again replaces it; the label that was printed is then of no use")
	}
	l, err := newLabel()
	if err != nil {
		return err
	}
	if err := b.draw(l); err != nil {
		return err
	}
	if err := provision.WriteCard(state, b.cardFor(l)); err != nil {
		return err
	}
	return b.print(c, l)
}

// card gives a code to a card, or an image.
func (b newBox) card(c *cli.Call, path string) (err error) {
	d, err := openCard(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := b.check(d, path); err != nil {
		return err
	}
	l, err := newLabel()
	if err != nil {
		return err
	}
	if err := b.draw(l); err != nil {
		return err
	}
	if err := b.write(d, l); err != nil {
		return fmt.Errorf("personalising %s: %w", path, err)
	}
	return b.print(c, l)
}

// copies makes cards for several boxes.
func (b newBox) copies(c *cli.Call, image, dir string, count int) error {
	in, size, err := openImage(image)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	if err := b.check(&openedCard{in, size}, image); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making cards: %w", err)
	}
	name := func(l label.Label) string { return filepath.Join(dir, l.Tag.HostName()+".img") }
	var labels []label.Label
	taken := make(map[string]bool)
	for len(labels) < count {
		l, err := newLabel()
		if err != nil {
			return err
		}
		if _, err := os.Lstat(name(l)); taken[name(l)] || err == nil {
			continue
		}
		taken[name(l)] = true
		labels = append(labels, l)
	}
	files, err := b.paper.write(b.labels, labels)
	if err != nil {
		return err
	}
	p := cli.NewProgress(c.Err, "copying", int64(count)*size, c.JSON)
	defer p.Close()
	result := labelsMade{Files: files}
	for i, l := range labels {
		if err := b.copy(in, size, name(l), l); err != nil {
			return fmt.Errorf("making the card %s: %w", name(l), err)
		}
		p.Set(int64(i+1)*size, int64(count)*size)
		made := labelMade{Tag: l.Tag.String(), Image: name(l)}
		if b.labels == "" {
			made.Code = l.Code.Text()
		}
		result.Labels = append(result.Labels, made)
	}
	return c.Print(result, func(w io.Writer) { result.print(w, labels) })
}

// copy copies an image, leaves out what is zero, and gives the copy its code. What is
// there under the name is whole.
func (b newBox) copy(in io.ReaderAt, size int64, name string, l label.Label) (err error) {
	out, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(out.Name()) }() // is not there any more when all was well
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, out.Close())
		}
	}()
	if err := out.Truncate(size); err != nil {
		return err
	}
	buf, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(buf)) {
		n, err := in.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if string(buf[:n]) == string(zero[:n]) {
			continue
		}
		if _, err := out.WriteAt(buf[:n], at); err != nil {
			return err
		}
	}
	if err := b.write(&openedCard{out, size}, l); err != nil {
		return err
	}
	closed = true
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), name)
}

// check refuses cards that have a code, or a box's own key.
func (b newBox) check(d *openedCard, path string) error {
	text, err := readBootFile(d, d.size, provision.PersonalFile)
	if err != nil {
		return cli.WithHint(fmt.Errorf("%s is no box's card: %w", path, err), "mkimage flash writes an image onto it")
	}
	if b.again {
		return nil
	}
	if _, err := provision.ParsePersonal(text); !errors.Is(err, provision.ErrBlank) {
		return cli.WithHint(fmt.Errorf("%s has a pairing code already", path), "-again replaces it; the label that was printed is then of no use")
	}
	started, err := card.Started(d, d.size)
	if err == nil && started {
		err = cli.WithHint(fmt.Errorf("a box was started with %s, and has taken its code in", path), "-again gives it another one, if nobody has claimed it; otherwise mkimage reset-card")
	}
	return err
}

// write writes a label's code to a card.
func (b newBox) write(d *openedCard, l label.Label) error {
	p := provision.Personal{Card: b.cardFor(l), Seed: make([]byte, seedSize)}
	if _, err := io.ReadFull(rand.Reader, p.Seed); err != nil {
		return err
	}
	text, err := p.Text()
	if err != nil {
		return err
	}
	return card.Overwrite(d, d.size, provision.PersonalFile, text)
}

// seedSize is how many random bytes a box gets for its key, besides what it finds on
// its own.
const seedSize = 64

func (b newBox) cardFor(l label.Label) provision.Card {
	return provision.Card{Claim: l.Code.Claim().Public(), Tag: l.Tag, Anywhere: b.anywhere}
}

// draw draws the pictures, before the code counts: one that nobody can read any more
// is worse than a picture of one that never counted.
func (b newBox) draw(l label.Label) error {
	pic, err := label.Draw(l.Text())
	if err != nil {
		return err
	}
	if err := draw(b.png, func(w io.Writer) error { return pic.PNG(w, pixelsPerModule) }); err != nil {
		return err
	}
	if err := draw(b.svg, pic.SVG); err != nil {
		return err
	}
	_, err = b.paper.write(b.labels, []label.Label{l})
	return err
}

func (b newBox) print(c *cli.Call, l label.Label) error {
	pic, err := label.Draw(l.Text())
	if err != nil {
		return err
	}
	result := struct {
		Tag  string `json:"tag"`
		Code string `json:"code"`
	}{l.Tag.String(), l.Code.Text()}
	return c.Print(result, func(w io.Writer) { printLabel(w, l, pic) })
}

// An openedCard is a device or a file with an image.
type openedCard struct {
	cardFile
	size int64
}

type cardFile interface {
	card.Disk
	io.Closer
}

func openCard(path string) (*openedCard, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening the card: %w", err)
	}
	if info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("opening the image: %w", err)
		}
		return &openedCard{f, info.Size()}, nil
	}
	d, err := device(path, 0)
	if err != nil {
		return nil, err
	}
	f, err := d.Open()
	if err != nil {
		return nil, cli.WithHint(err, "writing to a device needs root's rights, and nothing else may use it")
	}
	return &openedCard{f, f.Size}, nil
}

// pixelsPerModule gives modules of 0.6 mm at 300 dpi.
const pixelsPerModule = 7

func newLabel() (l label.Label, err error) {
	if l.Code, err = label.New(rand.Reader); err != nil {
		return l, err
	}
	l.Tag, err = label.NewTag(rand.Reader)
	return l, err
}

// draw writes a picture that only its owner can read; nothing without a name.
func draw(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(write(w)) }()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text, 0o600)
}

func printLabel(w io.Writer, l label.Label, pic *label.Picture) {
	fmt.Fprintf(w, "\n  box   %s (%s.local)\n  code  %s\n\n", l.Tag, l.Tag.HostName(), l.Code.Text())
	_ = pic.Terminal(w, true) // errors of w show at the caller's next write
	fmt.Fprintf(w, "\nscan only with coboxctl pair; the code is of no use once the box is claimed\n")
}
