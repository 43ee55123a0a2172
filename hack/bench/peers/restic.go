package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"cobox/hack/usage"
)

// resticSystem is restic, and "rclone serve restic" on a folder.
type resticSystem struct {
	client       client
	host         *daemon
	repo, source string
}

func (s *resticSystem) start(ctx context.Context, dir, source string) error {
	s.repo, s.source = filepath.Join(dir, "repo"), source
	port, err := freePort()
	if err != nil {
		return err
	}
	addr := fmt.Sprint("127.0.0.1:", port)
	s.client.env = []string{"RESTIC_REPOSITORY=rest:http://" + addr + "/", "RESTIC_PASSWORD=bench", "RESTIC_CACHE_DIR=" + filepath.Join(dir, "cache")}
	if s.host, err = startDaemon(ctx, []string{"RCLONE_CONFIG="}, "rclone", "serve", "restic", "--addr", addr, s.repo); err != nil {
		return err
	}
	err = s.host.await(ctx, func() error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.client.run(ctx, "", "restic", "init")
	return err
}

func (s *resticSystem) backup(ctx context.Context) error {
	_, err := s.client.run(ctx, "", "restic", "backup", "--quiet", s.source)
	return err
}

func (s *resticSystem) restore(ctx context.Context, into string) error {
	_, err := s.client.run(ctx, "", "restic", "restore", "latest", "--quiet", "--target", into)
	return err
}

func (s *resticSystem) restoreFile(ctx context.Context, name, into string) error {
	_, err := s.client.run(ctx, "", "restic", "restore", "latest", "--quiet", "--include", filepath.Join(s.source, name), "--target", into)
	return err
}

func (s *resticSystem) used() (client, host usage.Process, err error) {
	host, err = s.host.used()
	return s.client.used(), host, err
}

func (s *resticSystem) stored() string { return s.repo }
func (s *resticSystem) end()           { s.host.end() }
