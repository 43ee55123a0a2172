package seeder

import (
	"context"
	"log/slog"
	"net"

	"cobox/seeder/client"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

// Outside is what a seeder meets outside of its process. The breaking bench
// (hack/rig) has one of its own, which fails on purpose and has a clock that can
// be turned.
type Outside struct {
	Host   func(swarm.Config) (Host, error)        // nil: libp2p
	Listen func(path string) (net.Listener, error) // the operator's socket; nil: a Unix socket
	Store  store.Config                            // Log is set by [Open]
}

// A Host is a seeder's place in the network: see the methods of [swarm.Host],
// which is one.
type Host interface {
	client.Host
	Handle(protocol string, fn func(swarm.Stream))
	Listener(protocol string) net.Listener
	OnDisconnect(fn func(swarm.PeerID)) (stop func())
	ClosePeer(swarm.PeerID)
	Peers() []swarm.PeerInfo
	Addrs() []string
	Announce(notes ...string)
	Remember(addrs ...string)
	Reachability() string
	HasRelay() bool
	Run(ctx context.Context) error
	Close() error
}

func (o *Outside) host(cfg swarm.Config) (Host, error) {
	if o.Host != nil {
		return o.Host(cfg)
	}
	h, err := swarm.New(cfg)
	if err != nil {
		return nil, err // and not a Host that holds no *swarm.Host
	}
	return h, nil
}

func (o *Outside) listen(path string) (net.Listener, error) {
	if o.Listen != nil {
		return o.Listen(path)
	}
	return listenSocket(path)
}

func (o *Outside) store(log *slog.Logger) store.Config {
	cfg := o.Store
	cfg.Log = log
	return cfg
}
