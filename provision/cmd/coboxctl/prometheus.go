package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

func prometheusCommand() cli.Command {
	var at where
	var fresh bool
	return cli.Command{
		Name: "prometheus", Args: "[-new] [BOX]", Short: "a scrape configuration for a box in the same network",
		Help: `
Prints what Prometheus needs to read a box's metrics in the same network, with the
token that opens them. Keep it as a secret: whoever has it sees the box's figures,
and nothing else.

	coboxctl set metrics-lan on
	coboxctl prometheus >cobox.yml

The file is a whole configuration; in one that is there, its job is added under
scrape_configs. For boxes elsewhere, and for many: coboxctl fleet. With -new the
box gets another token, and the one before opens nothing any more.` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.BoolVar(&fresh, "new", false, "have the box make another token first")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
				if fresh {
					plan := func(*control.State) (chain.Order, error) { return chain.Set{Name: "metrics-lan", Value: "on"}, nil }
					if err := l.Order(ctx, plan); err != nil {
						return err
					}
				}
				s, err := l.Scrape(ctx)
				if err != nil {
					return err
				}
				if !s.On {
					return cli.WithHint(fmt.Errorf("box %s shows no metrics on its network", l.Box.Host()), "coboxctl set "+l.Box.Host()+" metrics-lan on")
				}
				if len(s.Targets) == 0 {
					return cli.WithHint(errors.New("the box has no address at which it shows metrics"), "is port 9100 of the box taken by something else? its log says")
				}
				scrape := scraping{Box: l.Box.Host(), Scrape: s}
				return c.Print(scrape, scrape.write)
			})
		},
	}
}

// A scraping is how Prometheus reads one box.
type scraping struct {
	Box string `json:"box"`
	control.Scrape
}

func (s scraping) write(w io.Writer) {
	quoted := make([]string, len(s.Targets))
	for i, t := range s.Targets {
		quoted[i] = quote(t)
	}
	_, port, _ := net.SplitHostPort(s.Targets[0])
	fmt.Fprintf(w, `# Box %s for Prometheus. The token opens the box's figures: keep this file as a
# secret. Where names of the local network are known, the target may as well be
# %s.local:%s, which stays when the address changes.
scrape_configs:
  - job_name: cobox
    scrape_interval: 15s
    authorization:
      type: Bearer
      credentials: %s
    static_configs:
      - targets: [%s]
        labels:
          box: %s
`, s.Box, s.Box, port, quote(s.Token), strings.Join(quoted[:1], ", "), quote(s.Box))
	for _, other := range quoted[1:] {
		fmt.Fprintf(w, "# It is also at %s.\n", other)
	}
}

// quote makes a YAML string of one without line ends.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
