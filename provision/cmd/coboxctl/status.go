package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"cobox/appliance/health"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/cli"

	"github.com/dustin/go-humanize"
)

func statusCommand() cli.Command {
	var at where
	var socket string
	return cli.Command{
		Name: "status", Args: "[-addr ADDR | -socket FILE] [BOX]", Short: "how a box stands",
		Help: `
Prints how a box stands: who owns it, its store, its partners with their room, and
whether its pins are complete; also how the box was reached, directly or by a
relay.

	coboxctl status

With -socket it asks a box that runs on this computer, without a key.` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&socket, "socket", "", "the socket of a box on this computer, a `file`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if socket != "" {
				if len(c.Args) > 0 || at.addr != "" {
					return cli.Misuse("-socket says which box: no other is named")
				}
				st, err := boxStatus(ctx, socket)
				if err != nil {
					return err
				}
				return c.Print(st, func(w io.Writer) { api.PrintStatus(w, &st) })
			}
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				seeder, err := l.Status(ctx)
				if err != nil {
					return err
				}
				route, err := l.Route(ctx)
				if err != nil {
					return err
				}
				s := standing{
					Box: l.Box, Route: route, Authority: st, Seeder: &seeder, Partners: listPartners(l, &st.Chain, &seeder),
				}
				if s.Health, err = l.Health(ctx); err != nil {
					return err
				}
				return c.Print(&s, s.write)
			})
		},
	}
}

// A standing is all that an operator sees of a box at one time.
type standing struct {
	Box       *operator.Box   `json:"box"`
	Route     string          `json:"route"` // how it was reached
	Authority *control.State  `json:"authority"`
	Seeder    *api.BoxStatus  `json:"seeder"`
	Partners  []listedPartner `json:"partners"`
	Health    health.Report   `json:"health"`
}

func (s *standing) write(w io.Writer) {
	a, seeder := s.Authority, s.Seeder
	fmt.Fprintf(w, "box %s, %s, version %s, up for %v\n", s.Box.Host(), s.Box.ID.PeerID(), a.Version, a.Uptime.Round(time.Second))
	fmt.Fprintf(w, "reached: %s; from outside: %s\n", s.Route, reachText(seeder.Reach))
	fmt.Fprintf(w, "you are %s; %s, %s, order %d of ownership %d\n", roleText(a.Role), cli.Count(len(a.Chain.Members), "operator"), cli.Count(len(a.Chain.Invites), "open invite"), a.Chain.Seq, a.Chain.Epoch)
	s.writeAlerts(w)
	s.writeHealth(w)
	if seeder.Store.Trouble != "" {
		fmt.Fprintf(w, "! it is without its store: %s\n", seeder.Store.Trouble)
	} else {
		fmt.Fprintf(w, "keeps %s, %s; %s free\n", cli.Count(seeder.Store.Feeds, "feed"), humanize.Bytes(seeder.Store.Bytes), humanize.Bytes(seeder.Store.FreeBytes))
	}
	if seeder.Store.Notice != "" {
		fmt.Fprintf(w, "! %s\n", seeder.Store.Notice)
	}
	fmt.Fprintf(w, "since start: %s in, %s out\n", humanize.Bytes(seeder.Traffic.BytesIn), humanize.Bytes(seeder.Traffic.BytesOut))
	if seeder.Hypercore != nil {
		fmt.Fprintf(w, "Hypercore peers: at %s, key %s\n", seeder.Hypercore.Addr, seeder.Hypercore.Key)
	}
	if len(s.Partners) > 0 {
		fmt.Fprintln(w)
		writePartners(w, s.Partners)
	}
	if len(seeder.Pins) > 0 {
		fmt.Fprintln(w)
		writePinStates(w, seeder)
	}
}

// writeHealth shows the tree of checks: of each that is not fine, what is wrong and
// what to do.
func (s *standing) writeHealth(w io.Writer) {
	fmt.Fprintf(w, "health: %s\n", s.Health.State)
	writeChecks(w, s.Health.Checks, "", "  ")
}

// writeChecks writes the checks under one, and below each those under it.
func writeChecks(w io.Writer, checks []health.Result, under health.Check, indent string) {
	for _, r := range checks {
		if r.Under != under {
			continue
		}
		text := ""
		if r.State != health.OK {
			text = ": " + r.Text.EN
		}
		fmt.Fprintf(w, "%s%s %s%s\n", indent, stateMark(r.State), r.Title.EN, text)
		writeChecks(w, checks, r.Check, indent+"  ")
	}
}

// stateMark is the word that stands before a check.
func stateMark(s health.State) string {
	switch s {
	case health.Failed:
		return "FAILED "
	case health.Warning:
		return "warning"
	case health.Blocked:
		return "blocked"
	case health.Unknown:
		return "unknown"
	}
	return "ok     "
}

// writeAlerts says what needs a person.
func (s *standing) writeAlerts(w io.Writer) {
	a := s.Authority
	for _, t := range a.Troubles {
		fmt.Fprintf(w, "! %s\n", t)
	}
	if a.Passive {
		fmt.Fprintln(w, "! it serves no partner until that is put right")
	}
	if !a.Trusted {
		fmt.Fprintln(w, "! its clock is not trusted: no time server has answered since it was switched on; invites and grants with an end do not count until then")
	}
	if !a.Chain.Retired.IsZero() {
		fmt.Fprintf(w, "! retired on %s: it takes nothing in any more\n", a.Chain.Retired.Local().Format(time.DateOnly))
	}
	if r := a.Chain.Recovery; !r.NewOwner.IsZero() {
		fmt.Fprintf(w, "! the recovery code was used: %s becomes the only owner when the waiting time is over; if that is not wanted: coboxctl recovery -cancel %s\n", r.NewOwner, s.Box.Host())
	}
	if a.Failed > 0 {
		fmt.Fprintf(w, "%d attempts to pair failed since it was switched on\n", a.Failed)
	}
	if s.Seeder.Traffic.InvalidProofs > 0 {
		fmt.Fprintf(w, "%d blocks were refused because their proofs were false\n", s.Seeder.Traffic.InvalidProofs)
	}
	if a.Role == chain.Owner && a.Chain.Recovery.Key == (chain.PublicKey{}) && a.Chain.Retired.IsZero() {
		fmt.Fprintf(w, "there is no recovery code: coboxctl recovery %s makes one, for the day when this computer is lost\n", s.Box.Host())
	}
}

// reachText says what AutoNAT found.
func reachText(reach string) string {
	switch reach {
	case "public":
		return "yes"
	case "private":
		return "through a relay or a hole punched only"
	}
	return "not known yet"
}

// maxAnswer bounds a box's answer, in bytes.
const maxAnswer = 32 << 20

// ask makes a request at a box's socket.
func ask(socket string, req *http.Request, out any) error {
	resp, err := api.SocketClient(socket).Do(req)
	if err != nil {
		return cli.WithHint(err, "does the box run? its socket is run/seederd.sock in its state folder")
	}
	defer resp.Body.Close()
	return api.ReadAnswer(resp, maxAnswer, out)
}

func boxStatus(ctx context.Context, socket string) (st api.BoxStatus, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box/v1/status", nil)
	if err != nil {
		return st, err
	}
	if err := ask(socket, req, &st); err != nil {
		return st, fmt.Errorf("asking the box for its status: %w", err)
	}
	return st, nil
}
