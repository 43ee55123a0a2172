package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

func partnersCommand() cli.Command {
	var at where
	var rename, silence string
	return cli.Command{
		Name: "partners", Args: "[-rename PARTNER=NAME] [-silence PARTNER=TIME] [BOX]", Short: "the partners of a box, and what they keep",
		Help: `
Lists a box's partners: the short name (p1, p2, ...), your own name for them, the
room that they have and use, until when, and whether they were revoked.

	coboxctl partners
	coboxctl partners -rename "p1=Food Coop East"
	coboxctl partners -silence p1=14d

The box finds a partner silent that it has not heard of for eight days: then ask
whether the backups still run. -silence says otherwise for one partner: a time, or
"forever" for one that nobody expects to hear of, or "default".` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&rename, "rename", "", "give a partner another name: `PARTNER=NAME`")
			fs.StringVar(&silence, "silence", "", "how long a partner may be silent: `PARTNER=TIME`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			changes, err := partnerChanges(rename, silence)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				for _, change := range changes {
					err := l.Order(ctx, func(st *control.State) (chain.Order, error) { return change(l, st) })
					if err != nil {
						return err
					}
				}
				if err := reseal(ctx, c, l, st); err != nil {
					return err
				}
				if st, err = l.State(ctx); err != nil {
					return err
				}
				seeder, err := l.Status(ctx)
				if err != nil {
					return err
				}
				return printPartners(c, listPartners(l, &st.Chain, &seeder))
			})
		},
	}
}

// A partnerChange makes the order that changes something about a partner.
type partnerChange func(l *operator.Link, st *control.State) (chain.Order, error)

// partnerChanges returns what a person wants changed: PARTNER=NAME and PARTNER=TIME,
// either of which may be empty.
func partnerChanges(rename, silence string) (list []partnerChange, err error) {
	if rename != "" {
		who, name, ok := strings.Cut(rename, "=")
		if !ok || who == "" || name == "" {
			return nil, cli.Misuse("-rename %q is not PARTNER=NAME", rename)
		}
		list = append(list, func(l *operator.Link, st *control.State) (chain.Order, error) {
			p, err := findPartner(l, &st.Chain, who)
			if err != nil {
				return nil, err
			}
			sealed, err := l.Seal(st, name)
			return chain.NamePartner{Partner: p.Key, SealedName: sealed}, err
		})
	}
	if silence != "" {
		who, text, ok := strings.Cut(silence, "=")
		seconds, err := silenceOf(text)
		if !ok || who == "" || err != nil {
			return nil, cli.Misuse("-silence %q is not PARTNER=TIME with a time such as 14d, of an hour to ten years, or \"forever\", or \"default\"", silence)
		}
		list = append(list, func(l *operator.Link, st *control.State) (chain.Order, error) {
			p, err := findPartner(l, &st.Chain, who)
			return chain.TolerateSilence{Partner: p.Key, Seconds: seconds}, err
		})
	}
	return list, nil
}

// silenceOf reads how long a partner may be silent, as the order has it.
func silenceOf(text string) (seconds int64, err error) {
	switch text {
	case "forever":
		return chain.SilentForEver, nil
	case "default":
		return 0, nil
	}
	var days cli.Days
	if err := days.Set(text); err != nil {
		return 0, err
	}
	t := time.Duration(days)
	if t < chain.MinSilence || t > chain.MaxSilence {
		return 0, fmt.Errorf("%s is out of bounds", text)
	}
	return int64(t / time.Second), nil
}

// A listedPartner is a partner as it is listed.
type listedPartner struct {
	Short     string              `json:"short"` // p1
	Name      string              `json:"name,omitempty"`
	Key       identity.PartnerKey `json:"key"`
	Terms     chain.Terms         `json:"terms"`
	Revoked   time.Time           `json:"revoked,omitzero"`
	KeepUntil time.Time           `json:"keepUntil,omitzero"` // when what is kept is deleted, if an end is known
	Usage     api.Usage           `json:"usage"`
	Pins      int                 `json:"pins"`
	// SilenceSeconds is how long it may be silent, by an operator's word; -1 for ever.
	SilenceSeconds int64 `json:"silenceSeconds,omitzero"`

	sealed chain.Sealed
}

func shortName(number uint64) string { return fmt.Sprintf("p%d", number) }

// listPartners puts together what the box's two halves say of partners.
func listPartners(l *operator.Link, st *chain.State, seeder *api.BoxStatus) []listedPartner {
	access := st.Access()
	list := make([]listedPartner, 0, len(st.Partners))
	for i, p := range st.Partners {
		out := listedPartner{
			Short: shortName(p.Number), Name: l.Name(p.SealedName), Key: p.Key, Terms: p.Terms, Revoked: p.Revoked,
			KeepUntil: access.KeepUntil(access.Partners[i]), SilenceSeconds: p.SilenceSeconds, sealed: p.SealedName,
		}
		var held uint64
		for _, pin := range seeder.Pins {
			if pin.Partner == p.Key {
				out.Pins++
				held += pin.HeldBytes
			}
		}
		out.Usage.UsedBytes = held // of one who has no room any more
		for _, u := range seeder.Partners {
			if u.Key == p.Key {
				out.Usage = u.Usage
			}
		}
		list = append(list, out)
	}
	return list
}

func printPartners(c *cli.Call, list []listedPartner) error {
	return c.Print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "no partners yet: coboxctl invite -partner NAME -quota 200GB")
			return
		}
		writePartners(w, list)
	})
}

func writePartners(w io.Writer, list []listedPartner) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tNAME\tUSED\tQUOTA\tPINS\tSTANDING")
	for _, p := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", p.Short, nameText(p.Name, p.sealed), cli.FormatBytes(p.Usage.UsedBytes+p.Usage.ReservedBytes),
			cli.FormatBytes(p.Terms.QuotaBytes), p.Pins, p.standing())
	}
	_ = t.Flush() // errors of w show at the caller's next write
}

// standing says in a few words what the partner may do.
func (p *listedPartner) standing() string {
	day := func(t time.Time) string { return t.Local().Format(time.DateOnly) }
	silence := ""
	switch {
	case p.SilenceSeconds == chain.SilentForEver:
		silence = ", may be silent for ever"
	case p.SilenceSeconds > 0:
		silence = ", may be silent for " + cli.FormatDays(time.Duration(p.SilenceSeconds)*time.Second)
	}
	switch {
	case !p.Revoked.IsZero():
		return "revoked " + day(p.Revoked) + ", kept until " + day(p.KeepUntil)
	case !p.Terms.Until.IsZero() && time.Now().After(p.Terms.Until):
		return "ended " + day(p.Terms.Until) + ", kept until " + day(p.KeepUntil)
	case !p.Terms.Until.IsZero():
		return "until " + day(p.Terms.Until) + silence
	}
	return "no end" + silence
}

// findPartner returns the partner that a person means: by the short name, the
// name, or the key.
func findPartner(l *operator.Link, st *chain.State, who string) (chain.PartnerState, error) {
	var found []chain.PartnerState
	for _, p := range st.Partners {
		if who == shortName(p.Number) || who == p.Key.String() {
			return p, nil
		}
		if name := l.Name(p.SealedName); name != "" && strings.EqualFold(name, who) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return chain.PartnerState{}, cli.WithHint(fmt.Errorf("%d partners of %s are called %q", len(found), l.Box.Host(), who), "coboxctl partners lists them; p1, p2, ... are short names")
	}
	return found[0], nil
}

func revokeCommand() cli.Command {
	var at where
	var notice cli.Days
	var given, yes bool
	return cli.Command{
		Name: "revoke", Args: "[-notice TIME] [BOX] PARTNER", Short: "end a partner's room on a box",
		Help: `
Ends what a partner may do on a box: nothing new is taken in from now on, and the
partner's connections are cut. What is kept can still be fetched for the time of
notice, and is then deleted. An invite or a grant for the same partner takes it
back.

	coboxctl revoke "Food Coop" -notice 60d

Without -notice the time of the partner's grant counts.` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.Func("notice", "how long what is kept can still be fetched, a `time` such as 30d", func(text string) error {
				given = true
				return notice.Set(text)
			})
			fs.BoolVar(&yes, "yes", false, "do not ask")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, who, err := boxAnd(c, "PARTNER")
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				p, err := findPartner(l, &st.Chain, who)
				if err != nil {
					return err
				}
				keep := p.Terms.Notice()
				if given {
					keep = time.Duration(notice)
				}
				what := fmt.Sprintf("%s (%s) can add nothing any more; what is kept is deleted on %s", shortName(p.Number), nameText(l.Name(p.SealedName), p.SealedName),
					time.Now().Add(keep).Format(time.DateOnly))
				if err := sureOf(c, yes, what, shortName(p.Number)); err != nil {
					return err
				}
				err = l.Order(ctx, func(*control.State) (chain.Order, error) {
					return chain.Revoke{Partner: p.Key, NoticeSeconds: int64(keep / time.Second)}, nil
				})
				if err != nil {
					return err
				}
				return printDone(c, l.Box, what)
			})
		},
	}
}

// boxAnd returns a command's arguments: the box, which may be left out, and what
// is to be done something with.
func boxAnd(c *cli.Call, what string) (box, arg string, err error) {
	switch len(c.Args) {
	case 1:
		return "", c.Args[0], nil
	case 2:
		return c.Args[0], c.Args[1], nil
	}
	return "", "", cli.Misuse("this needs %s, and before it the box when there are several", what)
}
