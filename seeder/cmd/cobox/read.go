package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/space"
)

func nobody(error) {}

// A library is a space opened to be read.
type library struct {
	s         *session
	keys      *space.Keys
	reader    *space.Reader
	feeds     []space.Feed
	snapshots []*space.Snapshot // oldest first
	unread    error             // why there may be older ones that are not among them
}

// blockPatience is how long a box that is out of reach is waited for, by default, when no
// other has a block.
const blockPatience = time.Minute

// patienceFlag defines the flag for it.
func patienceFlag(fs *flag.FlagSet, to *time.Duration) {
	fs.DurationVar(to, "patience", blockPatience, "how `long` to wait for a box that is out of reach, when no other has a block (90s, 10m)")
}

// newerTime is how long a head is waited for that this computer knows of, once a
// box has shown an older one.
const newerTime = 5 * time.Second

// newest waits for another box to show as much of a feed as this computer has
// written. When none does, what the boxes have is better than nothing.
func (s *session) newest(ctx context.Context, sp *spaceFile, key feed.Key, h feed.Head, known uint64) feed.Head {
	ctx, cancel := context.WithTimeout(ctx, newerTime)
	defer cancel()
	if newer, err := s.reader.Head(ctx, key, known); err == nil {
		return newer
	}
	fmt.Fprintf(os.Stderr, "cobox: warning: of space %s the boxes have %d blocks, and this computer wrote %d: what was backed up last is not on them\n", sp.Name, h.Length, known)
	return h
}

var errNoBox = errors.New("no box keeps it yet")

// headOf waits for a box to show a head of a feed.
func (s *session) headOf(ctx context.Context, key feed.Key, boxes []string) (feed.Head, error) {
	if len(boxes) == 0 {
		return feed.Head{}, errNoBox
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return s.reader.Head(ctx, key, 1)
}

// openLibrary connects to the boxes of a space and reads the list of its
// snapshots. Blocks that this computer has are read here, and where no box can be
// reached, they are all that there is.
func openLibrary(ctx context.Context, s *session, sp *spaceFile, patience time.Duration) (*library, error) {
	return openLibraryOn(ctx, s, sp, sp.Boxes, patience, blocks{store: s.store, reader: s.reader}, true)
}

// openLibraryOn is openLibrary with some of the boxes, and a place of its own for
// blocks to be read from. here says that it will do to know no newer head than this computer has.
func openLibraryOn(ctx context.Context, s *session, sp *spaceFile, boxes []string, patience time.Duration, from space.Blocks, here bool) (*library, error) {
	keys, err := s.keys(sp)
	if err != nil {
		return nil, err
	}
	l := &library{s: s, keys: keys, reader: space.NewReader(keys, from)}
	failed := make(chan error, 1)
	var useless atomic.Int32 // boxes from which nothing gets through
	s.reader.Expect(patience, boxes...)
	for _, name := range boxes {
		var stuck client.Stuck
		told := false
		s.readFrom(name, func(err error) {
			narrow := stuck.After(err, s.reader.Exchange().Stats().BlocksIn)
			if narrow != nil && !told {
				told = true
				if int(useless.Add(1)) == len(boxes) {
					s.reader.Fail(cli.WithHint(narrow, narrow.Hint()))
				}
			}
			select {
			case failed <- err:
			default:
			}
		})
	}
	if err := s.discover(ctx, sp); err != nil {
		return nil, err
	}
	list, err := feedKeys(sp)
	if err != nil {
		return nil, err
	}
	for i, key := range list {
		var own feed.Head // what this computer has written
		if f, err := s.store.Feed(key); err == nil {
			own = f.Durable().Head
		}
		known := own.Length
		if known == 0 && i == 0 && sp.Own && len(list) > 1 {
			continue // a fresh feed on this computer; the others have something
		}
		h, err := s.headOf(ctx, key, boxes)
		_, forked := errors.AsType[*feed.ForkError](err)
		if err != nil && !forked && here && known > 0 && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "cobox: warning: no box shows space %s: what this computer has itself is all that can be read now (%v)\n", sp.Name, err)
			h, err = own, nil
		}
		if err != nil && !forked && here && len(l.feeds) > 0 && ctx.Err() == nil {
			l.unread = errors.Join(l.unread, fmt.Errorf("no box shows feed %s of another device: %w", key.DiscoveryKey(), err))
			continue
		}
		if err == nil && h.Length < known {
			h = s.newest(ctx, sp, key, h, known)
		}
		if forked {
			return nil, fmt.Errorf("space %s cannot be read: %w", sp.Name, err)
		}
		if err != nil {
			var why error
			select {
			case why = <-failed:
			default:
			}
			return nil, cli.WithHint(errors.Join(fmt.Errorf("no box shows the newest head of space %s: %w", sp.Name, err), why), "cobox status "+sp.Name)
		}
		f := space.Feed{Key: key, Length: h.Length, Fork: h.Fork}
		l.feeds = append(l.feeds, f)
		newest := true
		for snap, err := range l.reader.Snapshots(ctx, f) {
			if err != nil {
				err = fmt.Errorf("reading the snapshots of space %s: %w", sp.Name, err)
			}
			if errors.Is(err, space.ErrAbsent) && !newest {
				l.unread = errors.Join(l.unread, err)
				break
			}
			if err != nil {
				return nil, err
			}
			newest = false
			l.snapshots = append(l.snapshots, snap)
		}
	}
	slices.SortStableFunc(l.snapshots, func(a, b *space.Snapshot) int { return a.Time.Compare(b.Time) })
	return l, nil
}

// pick returns snapshot n, counted from 1 for the oldest, or the newest for 0.
func (l *library) pick(n int) (*space.Snapshot, error) {
	if len(l.snapshots) == 0 {
		return nil, errors.New("there is no snapshot yet")
	}
	if n == 0 {
		n = len(l.snapshots)
	}
	if n < len(l.snapshots) && l.unread != nil {
		return nil, fmt.Errorf("older snapshots cannot be numbered: %w", l.unread)
	}
	if n < 1 || n > len(l.snapshots) {
		return nil, cli.WithHint(fmt.Errorf("there is no snapshot %d", n), "cobox snapshots")
	}
	return l.snapshots[n-1], nil
}
