package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cobox/metrics"
	"cobox/metrics/metricstest"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// runBoxes runs simulated boxes, and writes an operator's home that knows them.
func runBoxes(ctx context.Context, home string, n int) (stop func(), err error) {
	h, err := operator.Make(home)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(home, "config"), []byte("mdns off\n"), 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	stop = func() {
		cancel()
		wg.Wait()
	}
	for i := range n {
		b, err := newBox(i)
		if err == nil {
			err = h.Keep(&operator.Box{ID: b.id, Tag: b.tag, Addrs: b.host.Addrs(), Seen: time.Now()})
		}
		if err != nil {
			stop()
			return nil, err
		}
		wg.Go(func() { b.run(ctx) })
	}
	return stop, nil
}

// A box answers an operator, and does nothing else.
type box struct {
	id       identity.BoxKey
	tag      string
	host     *swarm.Host
	exporter *metrics.Exporter
}

func newBox(i int) (*box, error) {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(i)+1)
	key := ed25519.NewKeyFromSeed(seed)
	host, err := swarm.New(swarm.Config{Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		return nil, err
	}
	return &box{identity.BoxKeyOf(key), fmt.Sprintf("TAG%03d", i%1000), host, metrics.New(snapshot)}, nil
}

// snapshot is of a box as the metrics' bounds are stated for.
func snapshot() metrics.Snapshot { return metricstest.Box(time.Now(), 10, 10_000) }

func (b *box) run(ctx context.Context) {
	server := &http.Server{Handler: b.handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.host.Run(ctx) })
	_ = server.Serve(b.host.Listener(control.Protocol))
	wg.Wait()
}

func (b *box) handler() http.Handler {
	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/state", func(w http.ResponseWriter, _ *http.Request) {
		api.WriteAnswer(w, control.State{Box: b.id, Tag: b.tag, Version: "1.4.0", Uptime: time.Since(started), Now: time.Now(), Trusted: true, Role: chain.Owner, Chain: *chain.New(b.id)})
	})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		api.WriteAnswer(w, api.BoxStatus{ID: b.host.ID().String(), Version: "1.4.0", Started: started, Now: time.Now(), Addrs: b.host.Addrs()})
	})
	mux.HandleFunc("GET /v1/health", func(w http.ResponseWriter, _ *http.Request) { api.WriteAnswer(w, snapshot().Health) })
	mux.HandleFunc("GET /v1/metrics", func(w http.ResponseWriter, _ *http.Request) {
		var page bytes.Buffer
		if err := b.exporter.WriteText(&page); err != nil {
			api.WriteError(w, err)
			return
		}
		_, _ = w.Write(page.Bytes())
	})
	return mux
}
