package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"

	"cobox/hack/usage"
)

// coboxSystem is ours: cobox, and a box.
type coboxSystem struct {
	bin    string
	client client
	box    *daemon
	state  string
}

func (s *coboxSystem) program(name string) string { return filepath.Join(s.bin, name) }

func (s *coboxSystem) start(ctx context.Context, dir, source string) error {
	s.state = filepath.Join(dir, "box")
	s.client.env = []string{"COBOX_HOME=" + filepath.Join(dir, "home"), "COBOXCTL_HOME=" + filepath.Join(dir, "operator")}
	operator, err := s.client.run(ctx, "", s.program("coboxctl"), "init")
	if err != nil {
		return err
	}
	s.box, err = startDaemon(ctx, nil, s.program("seederd"), "-state", s.state, "-operator", strings.TrimSpace(operator),
		"-listen", "/ip4/127.0.0.1/tcp/0", "-mdns=off", "-dht=off")
	if err != nil {
		return err
	}
	var st struct{ Addrs []string }
	err = s.box.await(ctx, func() error {
		out, err := s.client.run(ctx, "", s.program("seederd"), "-state", s.state, "-status", "-json")
		if err == nil {
			err = json.Unmarshal([]byte(out), &st)
		}
		if err == nil && len(st.Addrs) == 0 {
			err = errors.New("the box has no address")
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := s.client.run(ctx, "", s.program("cobox"), "init", "-yes"); err != nil {
		return err
	}
	partner, err := s.client.run(ctx, "", s.program("cobox"), "whoami")
	if err != nil {
		return err
	}
	if _, err := s.client.run(ctx, "", s.program("coboxctl"), "grant", "-socket", filepath.Join(s.state, "run", "seederd.sock"),
		"-partner", strings.TrimSpace(partner), "-quota", "1TB"); err != nil {
		return err
	}
	if _, err := s.client.run(ctx, "", s.program("cobox"), "space", "create", "folder", source); err != nil {
		return err
	}
	_, err = s.client.run(ctx, "", s.program("cobox"), "pin", "folder", st.Addrs[0])
	return err
}

func (s *coboxSystem) backup(ctx context.Context) error {
	_, err := s.client.run(ctx, "", s.program("cobox"), "backup", "folder")
	return err
}

func (s *coboxSystem) restore(ctx context.Context, into string) error {
	_, err := s.client.run(ctx, "", s.program("cobox"), "restore", "-space", "folder", into)
	return err
}

func (s *coboxSystem) restoreFile(ctx context.Context, name, into string) error {
	_, err := s.client.run(ctx, "", s.program("cobox"), "restore", "-space", "folder", "-include", name, into)
	return err
}

func (s *coboxSystem) used() (client, host usage.Process, err error) {
	host, err = s.box.used()
	return s.client.used(), host, err
}

func (s *coboxSystem) stored() string { return s.state }
func (s *coboxSystem) end()           { s.box.end() }
