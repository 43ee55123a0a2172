package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/provision/operator"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// inviteFlags are what an invite can say.
type inviteFlags struct {
	partner, operator, observer, owner string // names
	hypercore                          string
	quota                              cli.Bytes
	maxFeeds                           int
	until                              cli.Day
	notice, valid                      cli.Days
	png, svg                           string
}

func inviteCommand() cli.Command {
	var at where
	f := inviteFlags{notice: cli.Days(30 * 24 * time.Hour), valid: cli.Days(14 * 24 * time.Hour)}
	return cli.Command{
		Name: "invite", Args: "(-partner NAME -quota SIZE | -operator NAME | -observer NAME | -owner NAME) [BOX]", Short: "invite a partner or another operator, by a code",
		Help: `
Makes a code, tells the box its public half, and prints it as a line and a QR.
Whoever has the code can use it once: send it by a way that others do not read.

	coboxctl invite -partner "Food Coop" -quota 200GB -until 2027-12-31

A partner uses it with "cobox accept", another operator with "coboxctl pair". The
name is your own word for them: it is kept on the box sealed to its operators.

A client of blind-peering, in JavaScript, needs no code: its public key (of its DHT
or swarm, in hex) gets the room at once:

	coboxctl invite -partner "Radio" -hypercore 8f3a... -quota 20GB` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&f.partner, "partner", "", "invite a partner; your `name` for them")
			fs.Var(&f.quota, "quota", "how much the partner may keep, a `size` such as 200GB")
			fs.IntVar(&f.maxFeeds, "max-feeds", 1000, "how many feeds the partner may keep, a `number`")
			fs.Var(&f.until, "until", "the partner's last `day`, such as 2027-12-31; without it there is no end")
			fs.Var(&f.notice, "notice", "how long the partner's data is kept after the end, a `time` such as 30d")
			fs.StringVar(&f.hypercore, "hypercore", "", "no code: the public `key` of a blind-peering client, in hex")
			fs.StringVar(&f.operator, "operator", "", "invite an operator: partners, pins, the box's name; your `name` for them")
			fs.StringVar(&f.observer, "observer", "", "invite an observer, who reads status and metrics; your `name` for them")
			fs.StringVar(&f.owner, "owner", "", "invite another owner beside you; your `name` for them")
			fs.Var(&f.valid, "valid", "until when the code can be used, a `time` such as 14d")
			fs.StringVar(&f.png, "png", "", "draw the QR into this `file`")
			fs.StringVar(&f.svg, "svg", "", "draw the QR into this `file`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			inv, name, err := f.invite()
			if err != nil {
				return err
			}
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				if f.hypercore != "" {
					return grantClient(ctx, c, l, f.hypercore, name, inv.Terms)
				}
				return makeInvite(ctx, c, l, inv, name, time.Duration(f.valid), f.png, f.svg)
			})
		},
	}
}

// oneBox returns the box among a command's arguments, "" for none.
func oneBox(c *cli.Call) (string, error) {
	switch len(c.Args) {
	case 0:
		return "", nil
	case 1:
		return c.Args[0], nil
	}
	return "", cli.Misuse("more than one box: %q", c.Args)
}

// invite returns what the flags say, without a code, and the name.
func (f *inviteFlags) invite() (inv chain.Invite, name string, err error) {
	n := 0
	for _, as := range []struct {
		role chain.Role
		name string
	}{{chain.Partner, f.partner}, {chain.Operator, f.operator}, {chain.Observer, f.observer}, {chain.Owner, f.owner}} {
		if as.name != "" {
			inv.Role, name = as.role, as.name
			n++
		}
	}
	switch {
	case n != 1:
		return inv, "", cli.Misuse("invite needs one of -partner, -operator, -observer and -owner, with a name")
	case inv.Role != chain.Partner && (f.quota != 0 || f.hypercore != "" || !f.until.IsZero()):
		return inv, "", cli.Misuse("-quota, -until and -hypercore are for partners")
	case inv.Role == chain.Partner && f.quota == 0:
		return inv, "", cli.Misuse("a partner needs -quota: how much may they keep?")
	}
	if inv.Role == chain.Partner {
		inv.Terms = chain.Terms{QuotaBytes: uint64(f.quota), MaxFeeds: f.maxFeeds, NoticeSeconds: int64(time.Duration(f.notice) / time.Second)}
		if !f.until.IsZero() {
			inv.Terms.Until = f.until.UTC()
		}
	}
	return inv, name, nil
}

// An invited is what was made.
type invited struct {
	ID       chain.ID    `json:"id"`
	Role     chain.Role  `json:"role"`
	Name     string      `json:"name,omitempty"`
	Terms    chain.Terms `json:"terms,omitzero"`
	NotAfter time.Time   `json:"notAfter"`
	Invite   string      `json:"invite"` // the secret line
}

// makeInvite makes a code, has the box take in its public half, and shows it.
func makeInvite(ctx context.Context, c *cli.Call, l *operator.Link, inv chain.Invite, name string, valid time.Duration, png, svg string) error {
	code, err := label.New(rand.Reader)
	if err != nil {
		return err
	}
	secret := label.Invite{Code: code, BoxKey: l.Box.ID}
	pic, err := label.Draw(secret.Text())
	if err != nil {
		return err
	}
	// The pictures first: an invite that nobody can read helps nobody.
	if err := drawInto(pic, png, svg); err != nil {
		return err
	}
	claim := code.Claim().Public()
	inv.ID, inv.ClaimKey = chain.ID(claim.ID()), chain.PublicKey(claim)
	err = l.Order(ctx, func(st *control.State) (chain.Order, error) {
		inv.NotAfter = time.Now().UTC().Truncate(time.Second).Add(valid)
		var err error
		if name != "" {
			inv.SealedName, err = l.Seal(st, name)
		}
		return inv, err
	})
	if err != nil {
		return err
	}
	result := invited{inv.ID, inv.Role, name, inv.Terms, inv.NotAfter, secret.Text()}
	return c.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "\n%s\n\n", secret.Text())
		_ = pic.Terminal(w, true) // errors of w show at the caller's next write
		with := "coboxctl pair"
		if inv.Role == chain.Partner {
			with = "cobox accept"
		}
		fmt.Fprintf(w, "\nto be used once, with %s, until %s; whoever has it can use it\n", with, inv.NotAfter.Local().Format("2006-01-02 15:04"))
	})
}

// drawInto draws a picture into files that only their owner can read.
func drawInto(pic *label.Picture, png, svg string) error {
	for _, d := range []struct {
		path string
		draw func(io.Writer) error
	}{{png, func(w io.Writer) error { return pic.PNG(w, pixelsPerModule) }}, {svg, pic.SVG}} {
		if d.path == "" {
			continue
		}
		var file bytes.Buffer
		err := d.draw(&file)
		if err == nil {
			err = durable.WriteFile(d.path, file.Bytes(), 0o600)
		}
		if err != nil {
			return fmt.Errorf("drawing the QR: %w", err)
		}
	}
	return nil
}

// pixelsPerModule gives modules of 0.6 mm at 300 dpi.
const pixelsPerModule = 7

// grantClient gives a Hypercore client room on a box. Its static key is an
// ed25519 key as a partner's is, and stands for it.
func grantClient(ctx context.Context, c *cli.Call, l *operator.Link, hypercore, name string, terms chain.Terms) error {
	key, err := feed.ParseKey(hypercore)
	if err != nil {
		return fmt.Errorf("reading the Hypercore client's key: %w", err)
	}
	partner := identity.PartnerKey(key)
	err = l.Order(ctx, func(st *control.State) (chain.Order, error) {
		sealed, err := l.Seal(st, name)
		return chain.Grant{Partner: partner, Terms: terms, SealedName: sealed}, err
	})
	if err != nil {
		return err
	}
	return printDone(c, l.Box, fmt.Sprintf("%s may keep %s on %s", name, cli.FormatBytes(terms.QuotaBytes), l.Box.Host()))
}
