package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

func grantCommand() cli.Command {
	var (
		socket, box, partner, hypercore, until string
		quota                                  cli.Bytes
		maxFeeds                               int
		notice                                 time.Duration
	)
	return cli.Command{
		Name: "grant", Args: "(-partner KEY | -hypercore KEY) -quota SIZE (-socket FILE | -box ID)", Short: "let a partner keep feeds on a box",
		Help: `
Signs a grant: this partner may keep feeds up to a quota on this box. With
-socket it is handed to the box that runs on this computer; with -box it is
printed, to be given to the box as a file (seederd -grant FILE).

	coboxctl grant -socket var/box/run/seederd.sock -partner partner:... -quota 200GB

A later grant for the same partner and box replaces an earlier one.

A client of blind-peering, in JavaScript, is a partner too. Its key is the public
key of its DHT or swarm, in hex; it asks the box for the feeds itself:

	coboxctl grant -socket var/box/run/seederd.sock -hypercore 8f3a... -quota 20GB`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&socket, "socket", "", "the socket of a box on this computer, a `file`")
			fs.StringVar(&box, "box", "", "the box `ID`, when there is no socket")
			fs.StringVar(&partner, "partner", "", "the partner's public `key` (cobox whoami)")
			fs.StringVar(&hypercore, "hypercore", "", "instead of -partner: the public `key` of a blind-peering client, in hex")
			fs.Var(&quota, "quota", "how much the partner may keep, a `size` such as 200GB")
			fs.IntVar(&maxFeeds, "max-feeds", 1000, "how many feeds, a `number`")
			fs.StringVar(&until, "until", "", "the last `day`, such as 2027-12-31; without it the grant has no end")
			fs.DurationVar(&notice, "notice", 30*24*time.Hour, "how long data is still kept after the end, a `time` such as 720h")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 || (partner == "") == (hypercore == "") || quota == 0 || (socket == "") == (box == "") {
				return cli.Misuse("grant needs -partner or -hypercore, -quota, and either -socket or -box")
			}
			g := identity.Grant{QuotaBytes: uint64(quota), MaxFeeds: maxFeeds, Notice: notice, Issued: time.Now()}
			var err error
			if g.Partner, err = parsePartner(partner, hypercore); err != nil {
				return err
			}
			if until != "" {
				day, err := time.ParseInLocation(time.DateOnly, until, time.Local)
				if err != nil {
					return cli.Misuse("-until %q is not a day such as 2027-12-31", until)
				}
				g.NotAfter = day.AddDate(0, 0, 1).Add(-time.Second)
			}
			if socket == "" {
				return printGrant(c, g, box)
			}
			return handOver(ctx, c, g, socket)
		},
	}
}

// parsePartner reads a partner's key from one of the two flags. A Hypercore
// client's static key is an ed25519 key as a partner's is, and stands for it.
func parsePartner(partner, hypercore string) (identity.PartnerKey, error) {
	if hypercore == "" {
		return identity.ParsePartnerKey(partner)
	}
	key, err := feed.ParseKey(hypercore)
	if err != nil {
		return identity.PartnerKey{}, fmt.Errorf("reading the Hypercore client's key: %w", err)
	}
	return identity.PartnerKey(key), nil
}

// printGrant signs a grant for a box that is elsewhere.
func printGrant(c *cli.Call, g identity.Grant, box string) (err error) {
	if g.Box, err = identity.ParseBoxKey(box); err != nil {
		return err
	}
	st, err := sign(g)
	if err != nil {
		return err
	}
	return c.Print(api.Grants{Grant: st.String()}, func(w io.Writer) { fmt.Fprint(w, st) })
}

func sign(g identity.Grant) (identity.Statement, error) {
	h, err := openHome()
	if err != nil {
		return identity.Statement{}, err
	}
	return identity.SignGrant(h.Private(), g)
}

// handOver signs a grant for the box behind a socket and gives it to the box.
func handOver(ctx context.Context, c *cli.Call, g identity.Grant, socket string) error {
	st, err := boxStatus(ctx, socket)
	if err != nil {
		return err
	}
	if g.Box, err = identity.ParseBoxKey(st.ID); err != nil {
		return err
	}
	grant, err := sign(g)
	if err != nil {
		return err
	}
	body, err := json.Marshal(api.Grants{Grant: grant.String()})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://box/v1/grants", bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := ask(socket, req, nil); err != nil {
		return fmt.Errorf("handing the grant to the box: %w", err)
	}
	return c.Print(api.Grants{Grant: grant.String()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s may keep %s on box %s\n", g.Partner, cli.FormatBytes(g.QuotaBytes), st.ID)
	})
}
