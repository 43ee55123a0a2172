package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// connectTime is how long a command that needs one box looks for it.
const connectTime = 30 * time.Second

// connect finds a box, or says why not.
func (s *session) connect(target string) (*client.Box, error) {
	ctx, cancel := context.WithTimeout(s.ctx, connectTime)
	defer cancel()
	b, err := s.client.Connect(ctx, target)
	if e, ok := errors.AsType[*api.Error](err); ok {
		return nil, cli.WithHint(err, e.Hint)
	}
	if err == nil {
		s.owners.met(b)
		s.connected(b)
		s.met(ctx, b, target)
	}
	return b, cli.WithHint(err, "is the box on? give its address (/ip4/.../tcp/4001/p2p/12D3KooW...) when it cannot be found by its ID")
}

// pinFeeds asks a box to keep feeds of a space.
func (s *session) pinFeeds(ctx context.Context, b *client.Box, sp *spaceFile, keys []feed.Key) (list []pin.Status, err error) {
	label, err := s.h.labels(sp)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		st, err := b.Pin(ctx, key, api.PinRequest{Label: label(key)})
		if err != nil {
			if e, ok := errors.AsType[*api.Error](err); ok {
				return list, cli.WithHint(fmt.Errorf("box %s: %w", b.ID(), err), e.Hint)
			}
			return list, fmt.Errorf("pinning on box %s: %w", b.ID(), err)
		}
		list = append(list, st)
	}
	return list, nil
}

func pinCommand() cli.Command {
	var f foreign
	return cli.Command{
		Name: "pin", Args: "(NAME | -feed KEY | -drive KEY) BOX", Short: "have a box keep a space, or any Hypercore",
		Help: `
Asks a box to keep a space from now on. The box is named by its ID, when it can
be found by it (on the local network, or by the DHT), or by an address:

	cobox pin documents 12D3KooW...
	cobox pin documents /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...

Any other Hypercore can be kept by its key, and a Hyperdrive with all its files;
with -open stock Hypercore peers that know the key replicate it with the box:

	cobox pin -feed 8f3a... -open 12D3KooW...
	cobox pin -drive 8f3a... -open 12D3KooW...`,
		Flags: f.flags,
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if f.given() {
				return f.pin(ctx, c)
			}
			if len(c.Args) != 2 {
				return cli.Misuse("pin needs the name of a space and a box")
			}
			s, sp, err := openSpace(ctx, c.Args[0], true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			if sp.Source != "" {
				if _, err := s.openOwn(sp); err != nil {
					return err
				}
			}
			keys, err := feedKeys(sp)
			if err != nil {
				return err
			}
			b, err := s.connect(c.Args[1])
			if err != nil {
				return err
			}
			defer b.Close()
			list, err := s.pinFeeds(ctx, b, sp, keys)
			if err != nil {
				return err
			}
			if !slices.Contains(sp.Boxes, c.Args[1]) {
				sp.Boxes = append(sp.Boxes, c.Args[1])
				if err := s.h.writeSpace(sp); err != nil {
					return err
				}
			}
			u := b.Welcome.Usage
			return c.Print(api.Pins{Pins: list}, func(w io.Writer) {
				fmt.Fprintf(w, "box %s keeps %s; %s of %s are used there\n", b.ID(), sp.Name, cli.FormatBytes(u.UsedBytes), cli.FormatBytes(u.QuotaBytes))
			})
		},
	}
}

func unpinCommand() cli.Command {
	var f foreign
	return cli.Command{
		Name: "unpin", Args: "(NAME | -feed KEY | -drive KEY) BOX", Short: "have a box delete a space or a feed",
		Help: `
Ends what "cobox pin" began: the box deletes what it keeps of the space or feed, and
signs that it did; its word is kept. To have another box take over, use cobox move.

	cobox unpin documents 12D3KooW...
	cobox unpin -drive 8f3a... 12D3KooW...`,
		Flags: f.keyFlags,
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if f.given() {
				return f.unpin(ctx, c)
			}
			if len(c.Args) != 2 {
				return cli.Misuse("unpin needs the name of a space and a box")
			}
			s, sp, err := openSpace(ctx, c.Args[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			keys, err := feedKeys(sp)
			if err != nil {
				return err
			}
			b, err := s.connect(c.Args[1])
			if err != nil {
				return err
			}
			defer b.Close()
			done, err := s.h.endPins(ctx, b, keys)
			if err != nil {
				return err
			}
			sp.Boxes = slices.DeleteFunc(sp.Boxes, func(t string) bool { return t == c.Args[1] })
			if err := s.h.writeSpace(sp); err != nil {
				return err
			}
			return c.Print(endedBy(b, done...), func(w io.Writer) {
				fmt.Fprintf(w, "box %s keeps %s no longer: %s\n", b.ID(), sp.Name, wordsOf(done))
			})
		},
	}
}

// openSpace opens a session and reads a space.
func openSpace(ctx context.Context, name string, write bool) (*session, *spaceFile, error) {
	h, err := openHome()
	if err != nil {
		return nil, nil, err
	}
	sp, err := h.readSpace(name)
	if err != nil {
		return nil, nil, err
	}
	s, err := openSession(ctx, h, write)
	if err != nil {
		return nil, nil, err
	}
	return s, sp, nil
}
