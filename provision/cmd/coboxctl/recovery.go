package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/provision/operator"
	"cobox/provision/pairing"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

func recoveryCommand() cli.Command {
	var at where
	var png, svg string
	var cancel bool
	return cli.Command{
		Name: "recovery", Args: "[-cancel] [BOX]", Short: "a code on paper, for when the operator's computer is lost",
		Help: `
Makes a recovery code for a box, in place of an earlier one. Whoever has it can ask
the box for a new owner ("coboxctl recover"); the box waits three days of running
before it obeys, in which every operator sees it in "coboxctl status" and can
refuse with -cancel. Write the code down or print it, and keep it away from the
box and from this computer.

	coboxctl recovery -png recovery.png` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.BoolVar(&cancel, "cancel", false, "refuse what the recovery code has asked for")
			fs.StringVar(&png, "png", "", "draw the QR into this `file`")
			fs.StringVar(&svg, "svg", "", "draw the QR into this `file`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			if cancel {
				plan := func(*operator.Link, *control.State) (chain.Order, error) { return chain.CancelRecovery{}, nil }
				return at.order(ctx, c, box, plan, "refused; if somebody else has the code, make another: coboxctl recovery")
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error { return makeRecovery(ctx, c, l, png, svg) })
		},
	}
}

func makeRecovery(ctx context.Context, c *cli.Call, l *operator.Link, png, svg string) error {
	code, err := label.New(rand.Reader)
	if err != nil {
		return err
	}
	secret := label.Invite{Code: code, BoxKey: l.Box.ID}
	pic, err := label.Draw(secret.Text())
	if err != nil {
		return err
	}
	if err := drawInto(pic, png, svg); err != nil {
		return err
	}
	key := chain.PublicKey(code.Claim().Public())
	if err := l.Order(ctx, func(*control.State) (chain.Order, error) { return chain.SetRecovery{Key: key}, nil }); err != nil {
		return err
	}
	result := struct {
		Box      string `json:"box"`
		Recovery string `json:"recovery"` // the secret line
	}{l.Box.ID.PeerID().String(), secret.Text()}
	return c.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "\n%s\n\n", secret.Text())
		_ = pic.Terminal(w, true) // errors of w show at the caller's next write
		fmt.Fprintf(w, "\nthe recovery code of box %s, to be kept on paper; earlier ones do not count any more\n", l.Box.Host())
	})
}

func recoverCommand() cli.Command {
	var at where
	var source codeSource
	return cli.Command{
		Name: "recover", Args: "[-addr ADDR] [-qr PHOTO | -camera]", Short: "get a box back with its recovery code",
		Help: `
Asks a box, with its recovery code, to make this computer's operator key its only
owner. The box waits three days of running, in which its operators can refuse.
Then it is yours: "coboxctl status" says so. Asking again changes nothing.

	coboxctl recover`,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			source.flags(fs)
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("recover takes no arguments: a code would stay in the shell's history")
			}
			h, err := makeHome()
			if err != nil {
				return err
			}
			content, err := source.read(ctx, c, "the recovery code")
			if err != nil {
				return err
			}
			inv, ok := content.(label.Invite)
			if !ok {
				return cli.WithHint(errors.New("this is not a recovery code"), "it begins with COBOX1I:")
			}
			s, err := h.Dial(ctx)
			if err != nil {
				return err
			}
			defer s.Close()
			target := at.addr
			if target == "" {
				target = identity.BoxKey(inv.BoxKey).PeerID().String()
			}
			b, err := s.Use(ctx, target, inv.Code, "")
			if refusal, ok := errors.AsType[*pairing.Refusal](err); ok && refusal.Answer == pairing.Denied {
				return cli.WithHint(err, "a later recovery code may have replaced it, or an operator refused it")
			}
			if err != nil {
				return explainSearch(err)
			}
			return reportRecovery(ctx, c, s, b, at.addr)
		},
	}
}

// reportRecovery says whether the box is this operator's yet.
func reportRecovery(ctx context.Context, c *cli.Call, s *operator.Session, b *operator.Box, addr string) error {
	b.Role = ""
	if l, err := s.Connect(ctx, b, addr); err == nil {
		defer l.Close()
		_, _ = l.State(ctx) // refused while the waiting time goes on
	}
	return c.Print(b, func(w io.Writer) {
		if b.Role != "" {
			fmt.Fprintf(w, "you are %s of box %s\n", roleText(b.Role), b.Host())
			return
		}
		fmt.Fprintf(w, "box %s has noted it: in three days of running you own it, unless one of its operators refuses; then: coboxctl status %s\n", b.Host(), b.Host())
	})
}
