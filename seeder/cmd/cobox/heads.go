package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/audit"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
)

// headsDir has the newest head of each feed that audits have shown, signed by its
// writer: a file each, as a Data message of replication.
const headsDir = "heads"

func (h *home) headPath(key feed.Key) string {
	return filepath.Join(h.dir, headsDir, key.DiscoveryKey().String()+".head")
}

// readHeads returns the heads of some feeds that are kept here.
func (h *home) readHeads(keys []feed.Key) (map[feed.Key]audit.Head, error) {
	heads := make(map[feed.Key]audit.Head)
	for _, key := range keys {
		body, err := os.ReadFile(h.headPath(key))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the head of feed %s that was seen last: %w", key.DiscoveryKey(), err)
		}
		if heads[key], err = audit.ParseHead(key, body); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

func (h *home) keepHead(key feed.Key, head audit.Head) error {
	err := durable.Mkdir(filepath.Join(h.dir, headsDir), 0o700)
	if err == nil {
		err = durable.WriteFile(h.headPath(key), head.Append(nil), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the head of feed %s: %w", key.DiscoveryKey(), err)
	}
	return nil
}
