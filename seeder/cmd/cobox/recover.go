package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/space"

	"golang.org/x/term"
)

func recoverCommand() cli.Command {
	return cli.Command{
		Name: "recover", Args: "BOX", Short: "get everything back with the recovery phrase",
		Help: `
Sets up a new computer from the recovery phrase and one box: your keys, and the
list of your spaces. Then "cobox restore" gets the folders. The phrase is asked
for, never given as an argument.

	cobox recover /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...
	cobox restore -space documents ./documents`,
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) != 1 {
				return cli.Misuse("recover needs a box")
			}
			secret, err := askPhrase(c)
			if err != nil {
				return err
			}
			h, err := newHome(secret)
			if err != nil {
				return err
			}
			spaces, err := findSpaces(ctx, c, h, secret, c.Args[0])
			if err != nil {
				return err
			}
			if err := h.save(); err != nil {
				return err
			}
			for _, sp := range spaces {
				if err := h.writeSpace(sp); err != nil {
					return err
				}
			}
			return c.Print(spaces, func(w io.Writer) {
				for _, sp := range spaces {
					fmt.Fprintf(w, "%s: %s; cobox restore -space %s FOLDER\n", sp.Name, cli.Count(len(sp.Feeds), "feed"), sp.Name)
				}
			})
		},
	}
}

// askPhrase reads the phrase from a terminal without showing it, or from a pipe.
func askPhrase(c *cli.Call) (space.Secret, error) {
	if f, ok := c.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(c.Err, "recovery phrase (it is not shown): ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.Err)
		if err != nil {
			return space.Secret{}, fmt.Errorf("reading the phrase: %w", err)
		}
		return space.ParsePhrase(string(text))
	}
	lines := bufio.NewScanner(c.In)
	if !lines.Scan() {
		return space.Secret{}, errors.New("reading the phrase: there is none on standard input")
	}
	return space.ParsePhrase(lines.Text())
}

// findSpaces asks a box for the partner's feeds, and reads in their headers
// which space each belongs to.
func findSpaces(ctx context.Context, c *cli.Call, h *home, secret space.Secret, target string) (_ []*spaceFile, err error) {
	s, err := openSession(ctx, h, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	b, err := s.connect(target)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.Unauthorised {
		return nil, cli.WithHint(err, "the box does not know the partner of this phrase: is it the right phrase, and the right box?")
	}
	if err != nil {
		return nil, err
	}
	defer b.Close()
	pins, err := b.Pins(ctx)
	if err != nil {
		return nil, err
	}
	s.reader.Expect(blockPatience, target)
	s.readFrom(target, nobody)
	byID := make(map[space.ID]*spaceFile)
	spaces := []*spaceFile{}
	for _, p := range pins {
		if p.Head.Length == 0 {
			continue
		}
		id, ok := h.label.space(p.Label, p.Feed)
		if !ok {
			c.Note("cobox: warning: a feed on the box has no label of a space, and is left out: %s", p.Feed)
			continue
		}
		if _, err := s.reader.Head(ctx, p.Feed, 1); err != nil {
			return nil, err
		}
		header, err := space.ReadHeader(ctx, spaceSecretOf(secret, id), blocks{reader: s.reader}, p.Feed)
		if err == nil && header.Space != id {
			err = space.ErrDamaged
		}
		if errors.Is(err, space.ErrDamaged) {
			c.Note("cobox: warning: a feed on the box is not one of a space, and is left out (%v)", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		sp := byID[header.Space]
		if sp == nil {
			sp = &spaceFile{ID: header.Space.String(), Name: uniqueName(header.Name, spaces), Boxes: []string{target}}
			byID[header.Space] = sp
			spaces = append(spaces, sp)
		}
		sp.Feeds = append(sp.Feeds, p.Feed.String())
	}
	if len(spaces) == 0 {
		return nil, errors.New("the box keeps nothing for the partner of this phrase")
	}
	return spaces, nil
}

// uniqueName makes a name that is good for a file and not taken.
func uniqueName(name string, taken []*spaceFile) string {
	if checkName(name) != nil {
		name = "space"
	}
	free := func(n string) bool {
		for _, sp := range taken {
			if sp.Name == n {
				return false
			}
		}
		return true
	}
	for i, n := 2, name; ; i++ {
		if free(n) {
			return n
		}
		n = fmt.Sprintf("%s-%d", name, i)
	}
}
