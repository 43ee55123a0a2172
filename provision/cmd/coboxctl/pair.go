package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/user"
	"time"

	"cobox/appliance/disk"
	"cobox/provision/label"
	"cobox/provision/operator"
	"cobox/provision/pairing"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

func pairCommand() cli.Command {
	var (
		at      where
		source  codeSource
		name    string
		flashed string
	)
	return cli.Command{
		Name: "pair", Args: "[-addr ADDR] [-qr PHOTO | -camera | -flashed TEXT]", Short: "become the owner of a box, by the code on its label",
		Help: `
Asks for the code that is printed on the box's label, and makes this computer's
operator key the box's owner. Plug the box in, on the same network, then:

	coboxctl pair

The code may be typed with or without dashes, in upper or lower case. It is asked
for, and never an argument, so that it does not stay in your shell's history; it
may also come from a photo of the label (-qr label.jpg), from this computer's
camera (-camera), or from another program (coboxctl pair < FILE). A box can be
claimed in the first hour after it was switched on; a power cycle starts the hour
again.

An invite from another operator (a line that begins with COBOX1I:) is used in the
same way.

A box whose card you flashed for yourself (mkimage personalise -owner) is yours from
its first start, without a code. What mkimage printed then tells which one it is:

	coboxctl pair -flashed COBOX1F:5V87R8NW3WB2VPH3YHMFGAWQMW-7K3F9Q

That text is no secret. A box is only noted as yours when it shows that it was
started from that card.`,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			source.flags(fs)
			fs.StringVar(&flashed, "flashed", "", "which card you flashed for yourself, as mkimage personalise -owner says: a `text` that begins with COBOX1F:")
			fs.StringVar(&name, "as", userName(), "your `name`, which the box's operators see; an invite has one already")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return &cli.Error{Code: cli.Usage, Err: errors.New("pair takes no arguments: a code would stay in the shell's history"),
					Hint: "type it when you are asked, or use: coboxctl pair < FILE"}
			}
			card, err := parseFlashed(flashed, &source)
			if err != nil {
				return err
			}
			h, err := makeHome()
			if err != nil {
				return err
			}
			s, err := h.Dial(ctx)
			if err != nil {
				return err
			}
			defer s.Close()
			p := &pairRun{c: c, s: s, at: at, source: source, name: name}
			var b *operator.Box
			if flashed != "" {
				b, err = p.meet(ctx, card)
			} else {
				b, err = p.run(ctx)
			}
			if e, explained := errors.AsType[*cli.Error](err); explained {
				return e
			}
			if errors.Is(err, swarm.ErrRefused) {
				return cli.WithHint(err, "it has an owner, and no invite is open. If nobody of yours has claimed it, somebody else used its label: make a reset card (mkimage reset-card)")
			}
			if err != nil {
				return explainSearch(err)
			}
			return p.welcome(ctx, b)
		},
	}
}

// userName returns how this computer's user is called.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "an operator"
}

// pairTries is how often a person may type a code.
const pairTries = 3

// A pairRun is one run of pair.
type pairRun struct {
	c      *cli.Call
	s      *operator.Session
	at     where
	source codeSource
	name   string
}

// run reads a code and uses it; at a terminal a person may correct a typing error
// and a wrong code.
func (p *pairRun) run(ctx context.Context) (*operator.Box, error) {
	if p.at.addr == "" && p.source.typed() && p.c.Terminal() {
		p.list(ctx)
	}
	for try := 1; ; try++ {
		content, err := p.source.read(ctx, p.c, "the code")
		var b *operator.Box
		if err == nil {
			b, err = p.use(ctx, content)
		}
		if err == nil || try == pairTries || !p.c.Terminal() || !p.source.typed() || !mayCorrect(err) {
			return b, err
		}
		p.c.Note("%v", err)
	}
}

// mayCorrect reports whether another code may help.
func mayCorrect(err error) bool {
	refusal, ok := errors.AsType[*pairing.Refusal](err)
	return errors.Is(err, label.ErrMistyped) || errors.Is(err, errNoCode) || errors.Is(err, errNobody) || ok && refusal.Answer == pairing.Denied
}

// listTime is how long pair listens for boxes before it asks for the code.
const listTime = 3 * time.Second

// list shows the boxes that can be claimed here.
func (p *pairRun) list(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	all, err := p.s.Unclaimed(ctx, label.ClaimID{})
	switch {
	case err != nil:
		p.c.Note("the boxes on this network cannot be listed: %v", err)
	case len(all) == 0:
		p.c.Note("no box on this network says that it can be claimed; it may still be starting")
	}
	for _, u := range all {
		p.c.Note("box %s can be claimed", u.Tag)
	}
}

var errNobody = errors.New("no box on this network has this code")

// findTime is how long a box is looked for by its code.
const findTime = 10 * time.Second

// use finds the box that a code is for and uses the code.
func (p *pairRun) use(ctx context.Context, content label.Content) (*operator.Box, error) {
	var code label.Code
	target, name := p.at.addr, p.name
	switch v := content.(type) {
	case label.Flashed:
		return p.meet(ctx, v)
	case label.Code:
		code = v
	case label.Label:
		code = v.Code
	case label.Invite:
		code, name = v.Code, ""
		if target == "" {
			target = identity.BoxKey(v.BoxKey).PeerID().String()
		}
	}
	if target == "" {
		p.c.Note("looking for the box on this network ...")
		find, cancel := context.WithTimeout(ctx, findTime)
		defer cancel()
		want := code.Claim().Public().ID()
		all, err := p.s.Unclaimed(find, want)
		if err != nil {
			return nil, err
		}
		for _, u := range all {
			if u.Claim == want {
				target = u.ID.String()
			}
		}
		if target == "" {
			return nil, nobody(all)
		}
	}
	return p.s.Use(ctx, target, code, name)
}

// nobody says who answered instead of the box.
func nobody(all []operator.Unclaimed) error {
	err := errNobody
	if len(all) > 0 {
		tags := ""
		for _, u := range all {
			tags += " " + u.Tag.String()
		}
		err = fmt.Errorf("%w; those that can be claimed here have the tags%s", errNobody, tags)
	}
	return cli.WithHint(err, "is the box on for less than an hour, and on the same network? It takes half a minute to start. "+
		"Networks for guests often keep computers apart: give the box's address with -addr, as its status page or the router says it")
}

// welcome says what is possible now.
func (p *pairRun) welcome(ctx context.Context, b *operator.Box) error {
	spare := false
	l, err := p.s.Connect(ctx, b, p.at.addr)
	if err == nil {
		defer l.Close()
		st, failed := l.State(ctx)
		if err = failed; err == nil {
			err = l.SetName(ctx, st, p.name)
		}
		if err == nil {
			_, err = l.Status(ctx)
		}
		if disks, failed := l.Disks(ctx); failed == nil { // a box on somebody's computer has none to give
			spare = disks.Data.State == disk.None && len(disks.Disks) > 0
		}
	}
	if err != nil {
		p.c.Note("the box is yours, and does not answer yet: %v", err)
	}
	return p.c.Print(b, func(w io.Writer) {
		fmt.Fprintf(w, "you are %s of box %s\n", roleText(b.Role), b.Host())
		if b.Role == "owner" {
			fmt.Fprintf(w, "\nnext: coboxctl invite -partner NAME -quota 200GB %s\n      coboxctl recovery %s   (a code on paper, for the day when this computer is lost)\n", b.Host(), b.Host())
			if spare {
				fmt.Fprintf(w, "      coboxctl disk adopt %s   (a disk is connected to it: it can keep everything there)\n", b.Host())
			}
		}
	})
}
