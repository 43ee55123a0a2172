package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cobox/hack/interop"
)

// scripts are the stock JavaScript writer and reader.
type scripts struct {
	job
	load
	dir     string
	feedKey string
}

func newScripts(j job, dir string, l load) *scripts { return &scripts{job: j, load: l, dir: dir} }

func (s *scripts) write(ctx context.Context) error {
	if s.feedKey != "" {
		return nil
	}
	w, err := s.writer(ctx, "--blocks", strconv.Itoa(s.blocks), "--size", strconv.Itoa(s.block))
	if err != nil {
		return err
	}
	return w.End()
}

func (s *scripts) writer(ctx context.Context, args ...string) (*interop.Peer, error) {
	folder := filepath.Join(s.dir, "writer-"+strconv.Itoa(s.block))
	var ready struct{ Key string }
	w, err := interop.StartPeer(ctx, s.peers, "writer.mjs", &ready, append(args, "--storage", folder, "--seed", "bench")...)
	s.feedKey = ready.Key
	return w, err
}

func (s *scripts) key() string { return s.feedKey }

func (s *scripts) push(ctx context.Context, address string) (took time.Duration, err error) {
	w, err := s.writer(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, w.End()) }()
	began := time.Now()
	if err := w.Do(ctx, map[string]any{"do": "dial", "to": address}, nil); err != nil {
		return 0, err
	}
	// All of it, as the host says.
	if err := w.Do(ctx, map[string]any{"do": "held"}, nil); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

func (s *scripts) fetch(ctx context.Context, address string) (took time.Duration, err error) {
	folder, err := os.MkdirTemp(s.dir, "reader-")
	if err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, os.RemoveAll(folder)) }()
	r, err := interop.StartPeer(ctx, s.peers, "reader.mjs", nil, "--storage", folder, "--key", s.feedKey)
	if err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, r.End()) }()
	began := time.Now()
	if err := r.Do(ctx, map[string]any{"do": "dial", "to": address}, nil); err != nil {
		return 0, err
	}
	if err := r.Do(ctx, map[string]any{"do": "fetch", "length": s.blocks}, nil); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}
