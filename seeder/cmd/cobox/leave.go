package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// deletionsDir is where the words of boxes are kept that they have deleted something.
const deletionsDir = "deletions"

// endPin has a box end a pin, and keeps its word about that.
func (h *home) endPin(ctx context.Context, b *client.Box, key feed.Key) (identity.Deletion, error) {
	d, st, err := b.Unpin(ctx, h.partner(), key)
	if err != nil {
		return d, fmt.Errorf("unpinning on box %s: %w", b.ID(), err)
	}
	dir := filepath.Join(h.dir, deletionsDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return d, err
	}
	name := strings.TrimPrefix(d.Box.String(), "box:") + "-" + receiptName(key)
	return d, durable.WriteFile(filepath.Join(dir, name), st.Append(nil), 0o600)
}

// endPins is endPin for several feeds; those that the box does not keep are passed over.
func (h *home) endPins(ctx context.Context, b *client.Box, keys []feed.Key) (list []identity.Deletion, err error) {
	for _, key := range keys {
		d, err := h.endPin(ctx, b, key)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.NotFound {
			continue
		}
		if err != nil {
			return list, err
		}
		list = append(list, d)
	}
	return list, nil
}

// endedPins is what unpinning prints with -json.
type endedPins struct {
	Box   string      `json:"box"`
	Ended []endedFeed `json:"ended"`
}

type endedFeed struct {
	Feed  string `json:"feed"`
	Bytes uint64 `json:"bytes"` // that the partner's room got back
	Gone  bool   `json:"gone"`  // no block is on the box any more
}

func endedBy(b *client.Box, done ...identity.Deletion) endedPins {
	e := endedPins{Box: b.ID(), Ended: []endedFeed{}}
	for _, d := range done {
		e.Ended = append(e.Ended, endedFeed{d.Feed.String(), d.Bytes, d.Gone})
	}
	return e
}

// wordsOf says what a box signed about deletions.
func wordsOf(done []identity.Deletion) string {
	var bytes uint64
	kept := 0
	for _, d := range done {
		bytes += d.Bytes
		if !d.Gone {
			kept++
		}
	}
	text := fmt.Sprintf("it has signed for what it deleted (feeds: %d); %s of your room are free again", len(done)-kept, cli.FormatBytes(bytes))
	if kept > 0 {
		text += fmt.Sprintf("; what somebody else keeps there too stays (feeds: %d)", kept)
	}
	return text
}
