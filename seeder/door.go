package seeder

import (
	"context"
	"errors"
	"fmt"
	"net"

	"cobox/seeder/api"

	"golang.org/x/sync/errgroup"
)

// A door is where stock Hypercore peers come in: over TCP, and by way of a
// process on this computer.
type door struct {
	tcp     net.Listener
	sidecar net.Listener

	// Those of a door that the authority's setting has opened.
	cancel context.CancelFunc
	ended  chan struct{}
}

// openDoor begins to listen for stock Hypercore peers at the configured address.
func (s *Seeder) openDoor() (*door, error) {
	tcp, err := net.Listen("tcp", s.cfg.Hypercore)
	if err != nil {
		return nil, fmt.Errorf("listening for Hypercore peers: %w", err)
	}
	sidecar, err := listenSocket(api.SidecarPath(s.cfg.State))
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	d := &door{tcp: tcp, sidecar: sidecar}
	s.setDoor(d)
	return d, nil
}

func (s *Seeder) setDoor(d *door) {
	s.doorMu.Lock()
	defer s.doorMu.Unlock()
	s.door = d
}

func (d *door) close() error {
	return errors.Join(closeListener(&d.tcp), closeListener(&d.sidecar))
}

// serveDoor serves who comes in until ctx is done. All have left then.
func (s *Seeder) serveDoor(ctx context.Context, d *door) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.serveHypercore(ctx, d.tcp) })
	g.Go(func() error { return s.serveSidecar(ctx, d.sidecar) })
	g.Go(func() error {
		<-ctx.Done()
		return d.close()
	})
	return g.Wait()
}

// turnHypercore opens the door for stock Hypercore peers or closes it, as the
// setting of that name says. Closing it ends their connections. It is for the
// goroutine that follows the authority; what fails is tried again at its next
// call.
func (s *Seeder) turnHypercore(ctx context.Context, on bool) {
	d := s.door // nobody else changes it
	news := on != s.doorWanted
	s.doorWanted = on
	switch {
	case on == (d != nil):
		return
	case !on:
		d.cancel()
		<-d.ended
		s.setDoor(nil)
		s.log.Info("Hypercore peers are not served any more")
		return
	case s.cfg.Hypercore == "" && !news:
		return
	case s.cfg.Hypercore == "":
		s.log.Warn("the setting hypercore is on, and there is no address to listen at: start seederd with -hypercore")
		return
	}
	d, err := s.openDoor()
	if err != nil {
		s.log.Error("the setting hypercore is on", "error", err)
		return
	}
	ctx, d.cancel = context.WithCancel(ctx)
	d.ended = make(chan struct{})
	s.log.Info("Hypercore peers are served", "addr", d.tcp.Addr())
	go func() {
		defer close(d.ended)
		if err := s.serveDoor(ctx, d); err != nil {
			s.log.Warn("closing the door for Hypercore peers", "error", err)
		}
	}()
}
