package netns

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"cobox/hack/rig/programs"
	"cobox/seeder/swarm"
)

var (
	withNetns = flag.Bool("netns", false, "run the tests in network namespaces; needs root, ip and nft (make netns)")
	binDir    = flag.String("bin", "", "use the programs in this `folder`, instead of building them")
	// The test runs itself, in a namespace, as what is not one of our programs.
	scanned          = flag.String("scan", "", "scan the TCP ports of this `address`; for the test's own use")
	flooded          = flag.String("flood", "", "flood the box at this `address` with wrong codes; for the test's own use")
	asStrangersRelay = flag.Bool("strangers-relay", false, "be a relay with libp2p's usual limits; for the test's own use")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *asStrangersRelay {
		if err := strangersRelay(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if *scanned != "" {
		if err := scanPorts(*scanned); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if *flooded != "" {
		if err := runFlood(*flooded); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if bin = *binDir; !*withNetns || bin != "" {
		return m.Run()
	}
	var err error
	bin, err = programs.Build()
	defer func() { _ = os.RemoveAll(bin) }()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// needNetns skips the test unless it was asked for.
func needNetns(t *testing.T) {
	t.Helper()
	if !*withNetns {
		t.Skip("without -netns (make netns, as root)")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: apt install iproute2 nftables", err)
		}
	}
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root")
	}
}

// strangersRelay runs a relay that helps strangers to find each other, with the
// limits that all libp2p relays have unless they were set: 128 KiB in each
// direction and two minutes a circuit, 16 circuits a peer.
func strangersRelay() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	seed := make([]byte, 32)
	if _, err := rand.Read(seed); err != nil {
		return err
	}
	h, err := swarm.New(swarm.Config{
		Key: ed25519.NewKeyFromSeed(seed), Listen: []string{"/ip4/0.0.0.0/tcp/4001"}, DHT: swarm.DHTServer,
		RelayService: &swarm.RelayService{
			BytesPerCircuit: 128 << 10, CircuitTime: 2 * time.Minute,
			CircuitsPerPeer: 16, Reservations: 128, ReservationsPerAddress: 8,
		},
	})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(struct{ Addrs []string }{h.Addrs()}); err != nil {
		return err
	}
	return h.Run(ctx)
}
