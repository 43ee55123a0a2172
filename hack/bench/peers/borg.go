package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobox/hack/usage"
)

// borgSystem is borg, and "borg serve" through a pipe. Its host is a new process for
// each command, so that its peak of memory is that of the largest.
type borgSystem struct {
	client       client
	repo, source string
	times        string // where what the hosts used is written
	number       int    // of archives
}

// borgHost is what borg runs in place of ssh.
const borgHost = `#!/bin/sh
exec /usr/bin/env time -a -o %s -f '%%U %%S %%M' borg serve
`

func (s *borgSystem) start(ctx context.Context, dir, source string) error {
	s.repo, s.source, s.times = filepath.Join(dir, "repo"), source, filepath.Join(dir, "times")
	remote := filepath.Join(dir, "host")
	if err := os.WriteFile(remote, fmt.Appendf(nil, borgHost, s.times), 0o700); err != nil { //nolint:gosec // it is run
		return err
	}
	s.client.env = []string{
		"BORG_REPO=ssh://host" + s.repo, "BORG_RSH=" + remote, "BORG_PASSPHRASE=bench", "BORG_BASE_DIR=" + filepath.Join(dir, "home"),
		"BORG_RELOCATED_REPO_ACCESS_IS_OK=yes",
	}
	_, err := s.client.run(ctx, "", "borg", "init", "--encryption", "repokey-blake2")
	return err
}

func (s *borgSystem) backup(ctx context.Context) error {
	s.number++
	_, err := s.client.run(ctx, "", "borg", "create", "--compression", "none", fmt.Sprint("::", s.number), s.source)
	return err
}

func (s *borgSystem) restore(ctx context.Context, into string) error { return s.extract(ctx, into) }

func (s *borgSystem) restoreFile(ctx context.Context, name, into string) error {
	return s.extract(ctx, into, strings.TrimPrefix(filepath.Join(s.source, name), "/"))
}

func (s *borgSystem) extract(ctx context.Context, into string, paths ...string) error {
	if err := os.Mkdir(into, 0o700); err != nil {
		return err
	}
	args := append([]string{"-C", into, "borg", "extract", fmt.Sprint("::", s.number)}, paths...)
	_, err := s.client.run(ctx, "", "env", args...)
	return err
}

// used adds up what the hosts wrote of themselves when they ended. What the pipe's
// other end used counts as the client's too, since it is its child; it is taken off.
func (s *borgSystem) used() (client, host usage.Process, err error) {
	text, err := os.ReadFile(s.times)
	if err != nil {
		return client, host, err
	}
	for line := range strings.Lines(string(text)) {
		var user, system float64
		var kb uint64
		if _, err := fmt.Sscan(line, &user, &system, &kb); err != nil {
			continue // what time says of an exit status
		}
		host.CPU += time.Duration((user + system) * float64(time.Second))
		host.Peak = max(host.Peak, kb<<10)
	}
	client = s.client.used()
	client.CPU -= host.CPU
	return client, host, nil
}

func (s *borgSystem) stored() string { return s.repo }
func (s *borgSystem) end()           {}
