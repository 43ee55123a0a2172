package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// findTime is how long boxes are given to tell what they keep. A box that is off
// must not hold a command up for longer.
const findTime = 5 * time.Second

// discover asks the boxes of a space for feeds of it that this computer does not
// know yet: those of devices that were added elsewhere, or that recovered. What
// cannot be found out now is found out another time. It is an error when all
// boxes answer that they do not let this device in: there is nothing to wait for.
func (s *session) discover(ctx context.Context, sp *spaceFile) error {
	_, id, err := s.h.spaceSecret(sp)
	if err != nil {
		return err
	}
	pins, err := s.pinsOf(ctx, sp.Boxes)
	if err != nil {
		return err
	}
	fresh := false
	for _, p := range pins {
		if p.Head.Length == 0 || slices.Contains(sp.Feeds, p.Feed.String()) {
			continue
		}
		if of, ok := s.h.label.space(p.Label, p.Feed); ok && of == id {
			sp.Feeds = append(sp.Feeds, p.Feed.String())
			fresh = true
		}
	}
	if !fresh {
		return nil
	}
	return s.h.writeSpace(sp)
}

// pinsOf returns what the boxes keep for us, of all that answer in time, or an
// error when all refuse us.
func (s *session) pinsOf(ctx context.Context, boxes []string) (list []pin.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	seen := make(map[feed.Key]bool)
	refusals := 0
	for _, target := range boxes {
		asking.Go(func() {
			b, refusal := s.client.Connect(ctx, target)
			if e, ok := errors.AsType[*api.Error](refusal); ok && e.Code != api.Internal {
				mu.Lock()
				defer mu.Unlock()
				refusals++
				err = cli.WithHint(refusal, e.Hint)
			}
			if refusal != nil {
				return
			}
			defer b.Close()
			s.owners.met(b)
			s.met(ctx, b, target)
			pins, err := b.Pins(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, p := range pins {
				if !seen[p.Feed] {
					seen[p.Feed] = true
					list = append(list, p)
				}
			}
		})
	}
	asking.Wait()
	if refusals < len(boxes) {
		err = nil
	}
	return list, err
}
