package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"cobox/seeder/durable"
	"cobox/seeder/feed"
)

// schema is the version of the layout. A store with a higher one is not opened.
const schema = 1

// magic begins the version record, so that another program's Badger is not taken for ours.
const magic = "cobox store "

// The folders in a store.
const (
	indexDir = "index"
	feedsDir = "feeds"
)

// Open opens the store in a folder, which is made when it is not there. Errors
// wrap [ErrNewerVersion], [ErrNotStore], [ErrDamaged], [ErrReadOnly],
// [ErrNoSpace], or durable.ErrLocked when somebody else has it open.
func Open(dir string, cfg Config) (*Store, error) {
	s := &Store{
		dir: dir, log: cfg.Log, pages: newPageCache(),
		feeds: make(map[feed.DiscoveryKey]*Feed), damaged: make(map[feed.DiscoveryKey]error),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	step := cfg.Step
	if step == nil {
		step = func(_, _ string) error { return nil }
	}
	s.room = &room{dir: dir, log: s.log}
	s.failures = new(failures)
	s.files = newFiles(filepath.Join(dir, feedsDir), step)
	s.files.failures = s.failures
	s.commits = newCommitter(s)
	if cfg.MemTable == 0 {
		cfg.MemTable = defaultMemTable
	}
	if cfg.Rest == 0 {
		cfg.Rest = defaultRest
	}
	if err := s.open(cfg, step); err != nil {
		s.files.close()
		if s.index != nil {
			err = errors.Join(err, s.index.close())
		}
		if s.unlock != nil {
			err = errors.Join(err, s.unlock())
		}
		return nil, fmt.Errorf("opening store %s: %w", dir, explain(err))
	}
	go s.commits.run()
	return s, nil
}

func (s *Store) open(cfg Config, step func(_, _ string) error) (err error) {
	if err := checkFolder(s.dir); err != nil {
		return err
	}
	for _, sub := range []string{indexDir, feedsDir} {
		if err := durable.Mkdir(filepath.Join(s.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if s.unlock, err = durable.Lock(s.dir); err != nil {
		return err
	}
	if err := s.room.forIndex(indexFree); err != nil {
		// Opening takes less, and may be what is needed to free some.
		if err := s.room.forIndex(deleteFree); err != nil {
			return err
		}
	}
	if s.index, err = openIndex(filepath.Join(s.dir, indexDir), cfg.MemTable, cfg.Rest, step, s.room, s.failures); err != nil {
		return err
	}
	if err := s.checkVersion(); err != nil {
		return err
	}
	if err := s.finishDeletions(); err != nil {
		return err
	}
	if err := s.loadFeeds(); err != nil {
		return err
	}
	if err := s.clean(); err != nil {
		return err
	}
	s.room.hold()
	return nil
}

// checkFolder refuses a folder that holds something else.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); name {
		case indexDir, feedsDir, spareName, "lock", "lost+found":
		default:
			if !strings.HasPrefix(name, ".") {
				return fmt.Errorf("%w: there is %q in it", ErrNotStore, name)
			}
		}
	}
	return nil
}

// checkVersion writes the version of a fresh store, and compares that of another.
func (s *Store) checkVersion() error {
	want := append([]byte(magic), schema)
	got, err := s.index.get([]byte{keyVersion})
	switch {
	case errors.Is(err, ErrNotFound):
		// Without a version there must be nothing at all, no blocks either: Badger
		// takes an index whose list of tables is damaged, or that is gone, for an
		// empty one, and the blocks must not be removed for that.
		if list, err := s.files.feeds(); err != nil || len(list) > 0 {
			return errors.Join(err, fmt.Errorf("%w: it is empty, and there are blocks of %d feeds, which are left as they are: "+
				"restore the folder %q, or move the store away and fetch the feeds again", ErrDamaged, len(list), indexDir))
		}
		if err := s.index.each(nil, nil, func(_, _ []byte) error {
			return fmt.Errorf("%w: the index has no version", ErrNotStore)
		}); err != nil {
			return err
		}
		return s.index.write(deleteFree, entry{[]byte{keyVersion}, want})
	case err != nil:
		return err
	case !bytes.HasPrefix(got, []byte(magic)) || len(got) != len(want):
		return ErrNotStore
	case got[len(magic)] > schema:
		return fmt.Errorf("%w: its layout is version %d, this program knows %d", ErrNewerVersion, got[len(magic)], schema)
	}
	return nil
}

// loadFeeds reads the records of all feeds. One that cannot be read keeps only
// its own feed from being used.
func (s *Store) loadFeeds() error {
	err := s.index.each([]byte{keyFeed}, nil, func(key, value []byte) error {
		if len(key) != 1+len(feed.DiscoveryKey{}) {
			return fmt.Errorf("%w: the key of a feed", ErrDamaged)
		}
		dk := feed.DiscoveryKey(key[1:])
		r, err := parseRecord(value)
		if err == nil && r.state.Key.DiscoveryKey() != dk {
			err = fmt.Errorf("%w: the record of another feed", ErrDamaged)
		}
		switch {
		case errors.Is(err, ErrNewerVersion):
			return err
		case err != nil:
			s.log.Error("a feed cannot be used", "feed", dk, "error", err)
			s.damaged[dk] = err
		default:
			s.feeds[dk] = newFeed(s, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.index.each([]byte{keyEvidence}, nil, func(key, value []byte) (err error) {
		if len(key) != 1+len(feed.DiscoveryKey{}) {
			return fmt.Errorf("%w: the key of evidence", ErrDamaged)
		}
		if f := s.feeds[feed.DiscoveryKey(key[1:])]; f != nil {
			f.frozen, err = parseEvidence(f.key, value)
		}
		return err
	})
}

// clean removes what a crash left beyond what the index says. A folder of a feed
// that the index does not know stays: no crash leaves one (records come before
// files, and go before them with a note), so that the index must have lost it. The
// feed is not begun anew for that: it may be one that is written here.
func (s *Store) clean() error {
	list, err := s.files.feeds()
	if err != nil {
		return err
	}
	for _, dk := range list {
		if f := s.feeds[dk]; f != nil {
			if err := f.clean(); err != nil {
				return err
			}
			continue
		}
		if s.damaged[dk] == nil {
			s.damaged[dk] = fmt.Errorf("%w: there are blocks of the feed, and no record", ErrDamaged)
			s.log.Error("a feed cannot be used", "feed", dk, "error", s.damaged[dk])
		}
	}
	return nil
}

// clean removes the feed's files that belong to no generation, cuts the newest
// one where the head ends, and gives space back that was cleared.
func (f *Feed) clean() error {
	known := make(map[uint64]bool)
	for _, g := range f.rec.generations {
		known[g.number] = true
	}
	for i := range f.rec.retired {
		for _, g := range f.rec.retired[i].dropped {
			known[g.number] = true
		}
	}
	numbers, err := f.s.files.generations(f.dk)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if !known[n] {
			if err := f.s.files.removeGeneration(f.dk, n); err != nil {
				return err
			}
		}
	}
	g := f.rec.current()
	if err := f.s.files.truncate(f.dk, g.number, int64(f.rec.state.Head.Bytes-g.firstByte)); err != nil {
		return err
	}
	return f.reclaim()
}
