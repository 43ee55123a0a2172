package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"cobox/image/card"
	"cobox/image/sheet"
	"cobox/provision"
	"cobox/provision/label"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// A newBox says how boxes are given their codes, or their owner.
type newBox struct {
	owner           identity.OperatorKey // zero: a code makes the owner
	anywhere, again bool
	png, svg        string // the QR alone
	labels          string // whole labels
	paper           paper
}

func personaliseCommand() cli.Command {
	var (
		b                 newBox
		state, dir, owner string
		count             int
	)
	return cli.Command{
		Name: "personalise", Args: "[-labels FILE | -owner KEY] CARD", Short: "give a box its pairing code, and draw the label; or its owner",
		Help: `
Makes a pairing code and a tag for the box whose card this is: a device onto which an
image was flashed, or a file with an image, in place. The card gets the public half
alone; the code is shown here, once, to be printed or written down: who has it owns the
box. The card also gets random bytes that the box mixes into its key. It must not be
mounted.

	mkimage personalise -labels label.pdf /dev/sdb

With -owner the box is from its first start that operator's, and there is no code: KEY
is the public key that "coboxctl init" prints. What is printed then names the card. It
is no secret; by it "coboxctl pair -flashed" knows the box from any other that says it
is yours:

	mkimage personalise -owner operator:ub3w... /dev/sdb

With -o makes copies of an image, each for a box of its own, and one sheet of labels:

	mkimage personalise -count 20 -o cards -labels labels.pdf -paper a4 dist/cobox-rpi.img

(-owner goes with it.) With -state, instead, for a box whose programs run without an image:

	mkimage personalise -state var/box -png label.png`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&state, "state", "", "the box's state `folder`, for a box without a card")
			fs.StringVar(&dir, "o", "", "copy the image into this `folder`, as cobox-TAG.img, and give the copies their codes")
			fs.IntVar(&count, "count", 1, "how many `copies`; with -o")
			fs.StringVar(&b.labels, "labels", "", "draw the labels into this `file`: .pdf, .png or .svg")
			fs.StringVar(&b.paper.size, "paper", sheet.Standard.String(), "`WxH`, one label of this size in millimetres a page, or a4; with -labels")
			fs.StringVar(&b.png, "png", "", "draw the label's QR into this `file`")
			fs.StringVar(&b.svg, "svg", "", "draw the label's QR into this `file`")
			fs.StringVar(&owner, "owner", "", "make the box this operator's, by the public `key` (operator:...), instead of giving it a code")
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
			case owner != "" && (b.labels != "" || b.png != "" || b.svg != "" || b.anywhere):
				return cli.Misuse("with -owner there is no code: nothing to draw, and nothing to claim from anywhere")
			}
			if owner != "" {
				var err error
				if b.owner, err = identity.ParseOperatorKey(owner); err != nil {
					return &cli.Error{Code: cli.Usage, Err: err, Hint: "coboxctl init prints the key of an operator, on his computer"}
				}
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
		return cli.WithHint(fmt.Errorf("%s has a pairing code or an owner already", state), "-again replaces it; what was printed is then of no use")
	}
	g, err := b.give()
	if err != nil {
		return err
	}
	if err := b.draw(g.label); err != nil {
		return err
	}
	if err := provision.WriteCard(state, g.card); err != nil {
		return err
	}
	return b.print(c, g)
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
	g, err := b.give()
	if err != nil {
		return err
	}
	if err := b.draw(g.label); err != nil {
		return err
	}
	if err := b.write(d, g); err != nil {
		return fmt.Errorf("personalising %s: %w", path, err)
	}
	return b.print(c, g)
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
		return cli.WithHint(fmt.Errorf("%s has a pairing code or an owner already", path), "-again replaces it; what was printed is then of no use")
	}
	started, err := card.Started(d, d.size)
	if err == nil && started {
		err = cli.WithHint(fmt.Errorf("a box was started with %s, and has taken its code or owner in", path), "-again gives it another one, if nobody has claimed it; otherwise mkimage reset-card")
	}
	return err
}

// write writes what a box is given to its card.
func (b newBox) write(d *openedCard, g given) error {
	p := provision.Personal{Card: g.card, Seed: make([]byte, seedSize)}
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

// A given is what one box is given.
type given struct {
	label label.Label // without a code where the card names the owner
	card  provision.Card
}

// flashed names the card for its owner.
func (g given) flashed() label.Flashed {
	return label.Flashed{Card: g.card.Claim.ID(), Tag: g.label.Tag}
}

// give makes what another box is given.
func (b newBox) give() (g given, err error) {
	if b.owner.IsZero() {
		g.label, err = newLabel()
		if err == nil {
			g.card = provision.Card{Claim: g.label.Code.Claim().Public(), Tag: g.label.Tag, Anywhere: b.anywhere}
		}
		return g, err
	}
	if g.label.Tag, err = label.NewTag(rand.Reader); err == nil {
		g.card, err = provision.OwnedCard(b.owner, g.label.Tag, rand.Reader)
	}
	return g, err
}

// draw draws the pictures, before the code counts: one that nobody can read any more
// is worse than a picture of one that never counted.
func (b newBox) draw(l label.Label) error {
	if !b.owner.IsZero() {
		return nil
	}
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

func (b newBox) print(c *cli.Call, g given) error {
	if !b.owner.IsZero() {
		result := struct {
			Tag     string               `json:"tag"`
			Owner   identity.OperatorKey `json:"owner"`
			Flashed string               `json:"flashed"` // names the card for coboxctl pair -flashed
		}{g.label.Tag.String(), b.owner, g.flashed().Text()}
		return c.Print(result, func(w io.Writer) { printOwned(w, b.owner, g.flashed()) })
	}
	pic, err := label.Draw(g.label.Text())
	if err != nil {
		return err
	}
	result := struct {
		Tag  string `json:"tag"`
		Code string `json:"code"`
	}{g.label.Tag.String(), g.label.Code.Text()}
	return c.Print(result, func(w io.Writer) { printLabel(w, g.label, pic) })
}

// printOwned says what the owner does with a card that names him.
func printOwned(w io.Writer, owner identity.OperatorKey, f label.Flashed) {
	fmt.Fprintf(w, "\n  box    %s (%s.local)\n  owner  %s\n  card   %s\n\n", f.Tag, f.Tag.HostName(), owner, f.Text())
	fmt.Fprintf(w, "there is no code. Switch the box on with this card, on the owner's network, then:\ncoboxctl pair -flashed %s\n", f.Text())
	fmt.Fprintf(w, "keep that line until then: by it the box is known. Until the first start keep the card, too: whoever copies it makes a box that looks like yours\n")
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
