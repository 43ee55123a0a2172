package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

func acceptCommand() cli.Command {
	var addr string
	return cli.Command{
		Name: "accept", Args: "[-addr ADDR]", Short: "use an invite to a box",
		Help: `
Asks for the invite that the operator of a box sent you (a line that begins with
COBOX1I:), and uses it: from then on the box keeps what you pin. An invite can be
used once. It is asked for, so that it does not stay in your shell's history; it
may also come from a file or another program:

	cobox accept < invite.txt

The box is found by the key in the invite; where that does not work, by -addr.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&addr, "addr", "", "where the box is, a multiaddress with its `ID`")
		},
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) > 0 {
				return &cli.Error{Code: cli.Usage, Err: errors.New("accept takes no invite as an argument: it would stay in the shell's history"),
					Hint: "type it when you are asked, or use: cobox accept < FILE"}
			}
			h, err := openMain("to use an invite")
			if err != nil {
				return err
			}
			inv, err := askInvite(c)
			if err != nil {
				return err
			}
			box := identity.BoxKey(inv.BoxKey)
			if addr == "" {
				addr = box.PeerID().String()
			}
			s, err := openSession(ctx, h, false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			if err := s.accept(ctx, addr, inv, box); err != nil {
				return err
			}
			quota, err := s.room(ctx, addr)
			if err != nil {
				return fmt.Errorf("the invite was used, but the box does not answer as it should: %w", err)
			}
			result := struct {
				Box        identity.BoxKey `json:"box"`
				QuotaBytes uint64          `json:"quotaBytes"`
			}{box, quota}
			return c.Print(result, func(w io.Writer) {
				fmt.Fprintf(w, "box %s keeps up to %s for you: cobox pin NAME %s\n", box.PeerID(), cli.FormatBytes(quota), addr)
			})
		},
	}
}

// roomTime is how long a box may take until its two halves agree on a new partner.
const roomTime = 20 * time.Second

// room waits until the box gives the room that was promised, and returns the bytes.
func (s *session) room(ctx context.Context, addr string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, roomTime)
	defer cancel()
	for {
		b, err := s.connect(addr)
		if err == nil {
			quota := b.Welcome.Usage.QuotaBytes
			b.Close()
			if quota > 0 {
				return quota, nil
			}
			err = errors.New("it gives no room yet")
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// acceptTime is how long using an invite may take, the search for the box included.
const acceptTime = time.Minute

// accept carries the exchange with the box.
func (s *session) accept(ctx context.Context, target string, inv label.Invite, box identity.BoxKey) error {
	ctx, cancel := context.WithTimeout(ctx, acceptTime)
	defer cancel()
	peer, err := s.host.Connect(ctx, target)
	if err != nil {
		return cli.WithHint(err, "is the box on? give its address with -addr (/ip4/.../tcp/4001/p2p/12D3KooW...) when it cannot be found by its ID")
	}
	if identity.PeerID(peer) != box.PeerID() {
		return fmt.Errorf("the invite is for box %s, and %s is box %s", box.PeerID(), target, peer)
	}
	st, err := s.host.Open(ctx, peer, api.PairProtocol)
	if err != nil {
		return fmt.Errorf("asking box %s: %w", peer, err)
	}
	defer st.Close()
	_, err = pairing.Ask(ctx, st, pairing.Request{
		Claim: inv.Code.Claim(), Kind: pairing.Partner, Key: s.h.secret.PartnerKey(),
		Box: box.PeerID(), Self: identity.PeerID(st.Local()),
	})
	return err
}

// askInvite reads an invite.
func askInvite(c *cli.Call) (label.Invite, error) {
	text, err := c.AskSecret("the invite")
	if err != nil {
		return label.Invite{}, err
	}
	content, err := label.Parse(text)
	if err != nil {
		return label.Invite{}, err
	}
	inv, ok := content.(label.Invite)
	if _, flashed := content.(label.Flashed); flashed {
		return label.Invite{}, cli.WithHint(errors.New("this names the card of a box, for its owner, and is no invite"), "an invite begins with COBOX1I:, its box's operator makes it")
	}
	if !ok {
		return label.Invite{}, cli.WithHint(errors.New("this is the code of a box's label, not an invite"), "coboxctl pair is for labels; an invite begins with COBOX1I:")
	}
	return inv, nil
}
