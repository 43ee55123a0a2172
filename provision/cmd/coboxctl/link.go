package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/swarm"
)

// where is how all commands about one box are told where it is.
type where struct{ addr string }

func (w *where) flags(fs *flag.FlagSet) {
	fs.StringVar(&w.addr, "addr", "", "where the box is, when it is not found: a `multiaddress`, /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo...")
}

// about is shown in the help of all commands about one box.
const about = `

BOX is its name, its tag or its ID; with only one box it can be left out.`

// withBox connects to the box that a person means and calls do with it. Its state
// is fresh, and was compared with what was seen before.
func (w *where) withBox(ctx context.Context, c *cli.Call, name string, do func(*operator.Link, *control.State) error) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	if name == "" && w.addr != "" {
		name = w.addr
	}
	b, err := h.Find(name)
	if err != nil {
		return cli.WithHint(err, "coboxctl boxes lists those you have paired with; another is named by its ID, with -addr")
	}
	s, err := h.Dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := s.Connect(ctx, b, w.addr)
	if err != nil {
		return explainSearch(err)
	}
	defer l.Close()
	st, err := l.State(ctx)
	if err != nil {
		return explain(err, b)
	}
	return explain(do(l, st), b)
}

// explainSearch adds what to try when a box was not reached.
func explainSearch(err error) error {
	switch {
	case errors.Is(err, swarm.ErrRefused):
		return cli.WithHint(err, "this box does not let you in: it takes strangers only while it is unclaimed or has an open invite")
	case errors.Is(err, swarm.ErrNotFound), errors.Is(err, context.DeadlineExceeded):
		return cli.WithHint(err, "is it on, with its network cable? On a network that blocks multicast give its address with -addr; "+
			"from elsewhere it is found with a bootstrap peer or a relay, in $COBOXCTL_HOME/config")
	}
	return err
}

// explain adds what to try to what a box said no with.
func explain(err error, b *operator.Box) error {
	if _, ok := errors.AsType[*operator.RolledBackError](err); ok {
		return &cli.Error{Code: cli.VerifyFailed, Err: err, Hint: fmt.Sprintf("find out why. If you know: coboxctl boxes -forget %s, then name it by its ID, "+
			"look at coboxctl log, and give the missing orders again", b.Host())}
	}
	if e, ok := errors.AsType[*cli.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*api.Error](err); ok && e.Hint != "" {
		return cli.WithHint(err, e.Hint)
	}
	if errors.Is(err, swarm.ErrRefused) {
		return cli.WithHint(err, "are you still one of its operators? Another operator sees it with coboxctl operators")
	}
	return err
}

// order gives a box one order and says that it is done.
func (w *where) order(ctx context.Context, c *cli.Call, name string, plan func(*operator.Link, *control.State) (chain.Order, error), done string) error {
	return w.withBox(ctx, c, name, func(l *operator.Link, _ *control.State) error {
		err := l.Order(ctx, func(st *control.State) (chain.Order, error) { return plan(l, st) })
		if err == nil {
			_, err = l.State(ctx) // what is remembered of the box follows
		}
		if err != nil {
			return err
		}
		return printDone(c, l.Box, done)
	})
}

// printDone prints that an order was taken in.
func printDone(c *cli.Call, b *operator.Box, text string) error {
	result := struct {
		Box  string     `json:"box"`
		Head chain.Head `json:"head"`
	}{b.ID.PeerID().String(), b.Head}
	return c.Print(result, func(out io.Writer) { fmt.Fprintln(out, text) })
}

// reseal lets those who came since read the names.
func reseal(ctx context.Context, c *cli.Call, l *operator.Link, st *control.State) error {
	n, err := l.Reseal(ctx, st)
	if n > 0 {
		c.Note("%d names were sealed again, for the operators that there are now", n)
	}
	return err
}

// sureOf asks a person to type a word before something that cannot be undone.
func sureOf(c *cli.Call, yes bool, what, word string) error {
	if yes {
		return nil
	}
	c.Note("%s", what)
	said, err := c.Ask(fmt.Sprintf("type %q to go on", word))
	if err != nil {
		return cli.WithHint(err, "-yes goes on without asking")
	}
	if said != word {
		return cli.Misuse("%q is not %q: nothing was done", said, word)
	}
	return nil
}
