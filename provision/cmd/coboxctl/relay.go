package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/swarm"
)

func relayCommand() cli.Command {
	var (
		state  string
		listen cli.Strings
		allow  cli.Strings
	)
	return cli.Command{
		Name: "relay", Args: "-state DIR [-listen ADDR]... [-allow ID]...", Short: "help boxes behind NAT to be found, from a machine that all can reach",
		Help: `
Runs a relay until it is interrupted. Boxes and computers that cannot reach each
other, each behind its own router, meet there: most then find a way without it,
and the others go on through it. It also tells where a box is that is known by
its ID. It passes on encrypted bytes; it cannot read them, and needs no key of
yours.

	coboxctl relay -state /var/lib/cobox-relay

Run it on a machine with an address that everybody reaches; port 4001 has to be
open there, for TCP and UDP. It prints its addresses. Put the one by which others
reach this machine (with the public address in it, where the machine itself knows
only another)

	on a box     into the settings of seederd:  relay ADDR  and  bootstrap ADDR
	for yourself into $COBOXCTL_HOME/config:    relay ADDR  and  bootstrap ADDR
	at partners' into $COBOX_HOME/config:       relay ADDR  and  bootstrap ADDR

With -allow only the boxes with these IDs can be reached through it. Otherwise
anybody's can, as many as there is room for (128, of which 16 behind one address).`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&state, "state", "", "`folder` with the relay's key, made when it is missing; its address depends on the key")
			fs.Var(&listen, "listen", "`multiaddress` to listen on; may be given several times (default: port 4001, TCP and QUIC, on all addresses)")
			fs.Var(&allow, "allow", "`ID` of a box that may be reached through the relay; may be given several times (default: anybody's)")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if state == "" || len(c.Args) > 0 {
				return cli.Misuse("relay needs -state, and takes no arguments")
			}
			key, err := relayKey(state)
			if err != nil {
				return err
			}
			service := &swarm.RelayService{}
			if service.Allow, err = allowed(allow); err != nil {
				return err
			}
			if len(listen) == 0 {
				listen = cli.Strings{
					"/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001",
					"/ip4/0.0.0.0/udp/4001/quic-v1", "/ip6/::/udp/4001/quic-v1",
				}
			}
			host, err := swarm.New(swarm.Config{Key: key, Listen: listen, DHT: swarm.DHTServer, RelayService: service})
			if err != nil {
				return cli.WithHint(err, "another program may have the port: choose one with -listen, such as /ip4/0.0.0.0/tcp/4444")
			}
			if err := printRelay(c, host); err != nil {
				return errors.Join(err, host.Close())
			}
			return host.Run(ctx)
		},
	}
}

// printRelay prints where the relay is.
func printRelay(c *cli.Call, host *swarm.Host) error {
	result := struct {
		ID    string   `json:"id"`
		Addrs []string `json:"addrs"`
	}{host.ID().String(), elsewhere(host.Addrs())}
	return c.Print(result, func(w io.Writer) {
		fmt.Fprintln(w, "This relay runs at:")
		for _, a := range result.Addrs {
			fmt.Fprintln(w, " ", a)
		}
		c.Note("It runs until you interrupt it (^C).")
	})
}

// elsewhere leaves out the addresses that mean something on this machine alone,
// unless there are no others.
func elsewhere(addrs []string) []string {
	out := slices.DeleteFunc(slices.Clone(addrs), func(a string) bool {
		parts := strings.Split(a, "/") // "", "ip4", "192.0.2.7", "tcp", ...
		if len(parts) < 3 {
			return false
		}
		ip, err := netip.ParseAddr(parts[2])
		return err == nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast())
	})
	if len(out) == 0 {
		return addrs
	}
	return out
}

// allowed returns who may be reached: nil for anybody.
func allowed(ids []string) (func(swarm.PeerID) bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	known := make(map[swarm.PeerID]bool)
	for _, text := range ids {
		id, err := swarm.ParsePeerID(text)
		if err != nil {
			return nil, cli.Misuse("-allow: %v", err)
		}
		known[id] = true
	}
	return func(p swarm.PeerID) bool { return known[p] }, nil
}

// relayKeyFile holds the seed of the relay's key, 32 bytes.
const relayKeyFile = "relay.key"

// relayKey reads the relay's key, and makes one where there is none. It never
// replaces one that is damaged: everybody knows the relay by it.
func relayKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, relayKeyFile)
	seed, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		seed = make([]byte, ed25519.SeedSize)
		if _, err := rand.Read(seed); err != nil {
			return nil, fmt.Errorf("making the relay's key: %w", err)
		}
		if err := durable.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the relay's folder: %w", err)
		}
		if err := durable.WriteFile(path, seed, 0o600); err != nil {
			return nil, fmt.Errorf("keeping the relay's key: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("reading the relay's key: %w", err)
	case len(seed) != ed25519.SeedSize:
		return nil, cli.WithHint(fmt.Errorf("reading the relay's key: %s has %d bytes instead of %d", path, len(seed), ed25519.SeedSize),
			"restore it from a copy, or remove it: the relay then gets another address")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
