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
	"cobox/seeder/identity"
)

func grantCommand() cli.Command {
	var (
		socket, box, partner, until string
		quota                       cli.Bytes
		maxFeeds                    int
		notice                      time.Duration
	)
	return cli.Command{
		Name: "grant", Args: "-partner KEY -quota SIZE (-socket FILE | -box ID)", Short: "let a partner keep feeds on a box",
		Help: `
Signs a grant: this partner may keep feeds up to a quota on this box. With
-socket it is handed to the box that runs on this computer; with -box it is
printed, to be given to the box as a file (seederd -grant FILE).

	coboxctl grant -socket var/box/run/seederd.sock -partner partner:... -quota 200GB

A later grant for the same partner and box replaces an earlier one.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&socket, "socket", "", "the socket of a box on this computer, a `file`")
			fs.StringVar(&box, "box", "", "the box `ID`, when there is no socket")
			fs.StringVar(&partner, "partner", "", "the partner's public `key` (cobox whoami)")
			fs.Var(&quota, "quota", "how much the partner may keep, a `size` such as 200GB")
			fs.IntVar(&maxFeeds, "max-feeds", 1000, "how many feeds, a `number`")
			fs.StringVar(&until, "until", "", "the last `day`, such as 2027-12-31; without it the grant has no end")
			fs.DurationVar(&notice, "notice", 30*24*time.Hour, "how long data is still kept after the end, a `time` such as 720h")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 || partner == "" || quota == 0 || (socket == "") == (box == "") {
				return cli.Misuse("grant needs -partner, -quota, and either -socket or -box")
			}
			g := identity.Grant{QuotaBytes: uint64(quota), MaxFeeds: maxFeeds, Notice: notice, Issued: time.Now()}
			var err error
			if g.Partner, err = identity.ParsePartnerKey(partner); err != nil {
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
	key, err := operatorKey()
	if err != nil {
		return identity.Statement{}, err
	}
	return identity.SignGrant(key, g)
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
