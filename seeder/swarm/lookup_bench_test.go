package swarm

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/prometheus/procfs"
)

// BenchmarkLookup measures what a look-up in the DHT weighs on the wire, for
// seeder/SCALE.md: once by a peer that has just started and has to connect to those it
// asks, and again when it is connected to them. All that goes over the loopback
// interface is counted, so it is to be run in a network namespace of its own:
//
//	unshare -n sh -c 'ip link set lo up && go test ./seeder/swarm -run - -bench "Lookup|Kept" -benchtime 5x'
func BenchmarkLookup(b *testing.B) {
	first := runHost(b, "server 0", Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}, DHT: DHTServer})
	servers := []*Host{first}
	for i := 1; i < 40; i++ {
		servers = append(servers, runHost(b, fmt.Sprint("server ", i), Config{
			Listen: []string{"/ip4/127.0.0.1/tcp/0"}, DHT: DHTServer, Bootstrap: first.Addrs(),
		}))
	}
	for _, s := range servers {
		for s.dht.RoutingTable().Size() < 20 {
			if err := <-s.dht.ForceRefresh(); err != nil {
				b.Fatal(err)
			}
		}
	}
	var cold, warm sum
	for i := range b.N {
		client := runHost(b, fmt.Sprint("client ", i), Config{DHT: DHTClient, Bootstrap: first.Addrs()})
		if err := client.joinDHT(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := <-client.dht.ForceRefresh(); err != nil {
			b.Fatal(err)
		}
		for _, c := range client.p2p.Network().Conns() {
			if err := c.Close(); err != nil {
				b.Fatal(err)
			}
		}
		seed := sha256.Sum256(fmt.Append(nil, "nobody ", i))
		target, err := PeerIDFromKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
		if err != nil {
			b.Fatal(err)
		}
		cold.add(b, client, peer.ID(target))
		warm.add(b, client, peer.ID(target))
		if err := client.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(cold.questions/float64(b.N), "questions/op")
	b.ReportMetric(cold.bytes/cold.questions, "cold-bytes/question")
	b.ReportMetric(warm.bytes/warm.questions, "warm-bytes/question")
}

// A sum adds up what look-ups took.
type sum struct{ questions, bytes float64 }

// add looks up a peer that is not there.
func (s *sum) add(b *testing.B, h *Host, target peer.ID) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ctx, events := routing.RegisterForQueryEvents(ctx)
	before := carried(b)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events {
			if e.Type == routing.SendingQuery {
				s.questions++
			}
		}
	}()
	if info, err := h.dht.FindPeer(ctx, target); err == nil {
		b.Fatalf("a peer that is not there was found: %v", info)
	}
	cancel()
	<-done
	time.Sleep(300 * time.Millisecond) // what identify still says
	s.bytes += carried(b) - before
}

// BenchmarkKept measures what a connection weighs that is kept and not used: bytes in
// both directions.
func BenchmarkKept(b *testing.B) {
	box := runHost(b, "box", Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	client := runHost(b, "client", Config{})
	if _, err := client.Connect(b.Context(), box.Addrs()[0]); err != nil {
		b.Fatal(err)
	}
	time.Sleep(5 * time.Second)
	const watch = 2 * time.Minute
	before := carried(b)
	for range b.N {
		time.Sleep(watch)
	}
	b.ReportMetric((carried(b)-before)/watch.Hours()/float64(b.N), "bytes/hour")
}

// carried returns the bytes that the loopback interface has carried until now.
func carried(b *testing.B) float64 {
	b.Helper()
	fs, err := procfs.NewFS("/proc/self")
	if err != nil {
		b.Fatal(err)
	}
	dev, err := fs.NetDev()
	if err != nil {
		b.Fatal(err)
	}
	return float64(dev["lo"].TxBytes)
}

// runHost runs a host called name until the test ends.
func runHost(b testing.TB, name string, cfg Config) *Host {
	b.Helper()
	seed := sha256.Sum256([]byte(name))
	cfg.Key = ed25519.NewKeyFromSeed(seed[:])
	h, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.Run(context.Background()) }()
	b.Cleanup(func() {
		if err := h.Close(); err != nil {
			b.Error(err)
		}
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return h
}
