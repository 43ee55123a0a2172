package netns

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// The flood: so many peers with wrong codes and so many that say nothing, each with
// an address of its own, for so long.
const (
	floodWrong, floodSilent = 50, 50
	floodTime               = 15 * time.Second
)

// maxShare is how much of a core a box may use under the flood.
const maxShare = 0.30

// TestCase13FloodOfPeers floods an unclaimed box with peers on its own network: the
// owner pairs all the same, and the box uses less than 30 % of a core. What is
// measured is the processor time of the box's programs, so that other work on the
// machine does not count; it makes the flood no faster.
func TestCase13FloodOfPeers(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	b := w.neighbour("box", ipv4).newBox()
	person := w.neighbour("operator", ipv4).person("coboxctl", "")
	crowd := w.neighbour("crowd", ipv4)
	for n := range floodWrong + floodSilent {
		w.ip("-n", crowd.ns, "addr", "add", floodAddr(n)+"/24", "dev", "eth0")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr := "/ip4/" + b.ip + "/tcp/4001/p2p/" + b.id
	cmd := crowd.command(t.Context(), nil, self, "-flood", addr)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	used, began := b.processorTime(), time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := json.NewDecoder(stdout)
	var count flood
	if err := said.Decode(&count); err != nil {
		t.Fatalf("the flood does not begin: %v\n%s", err, &errOut)
	}
	asked, tries := time.Now(), 0
	until(t, "pairing under the flood", func() error {
		tries++
		return person.try(nil, b.code, "pair", "-addr", addr)
	})
	paired := time.Since(asked)
	if err := said.Decode(&count); err != nil {
		t.Fatalf("the flood does not end: %v\n%s", err, &errOut)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the flood: %v\n%s", err, &errOut)
	}
	passed := time.Since(began)
	share := (b.processorTime() - used).Seconds() / passed.Seconds()
	t.Logf("the owner paired in %v and %d tries; %d wrong codes were denied and %d attempts got nowhere in %v; the box used %.1f %% of a core",
		paired.Round(time.Millisecond), tries, count.Denied, count.Failed, passed.Round(time.Second), 100*share)
	if share > maxShare {
		t.Errorf("the box used %.0f %% of a core, more than %.0f %%", 100*share, 100*maxShare)
	}
	if count.Denied == 0 || count.Failed == 0 {
		t.Errorf("this was no flood: %+v", count)
	}
}

func floodAddr(n int) string { return "192.168.77." + strconv.Itoa(100+n) }

// processorTime returns the processor time of the programs in the host's namespace.
func (h *host) processorTime() (all time.Duration) {
	t := h.world.t
	t.Helper()
	for _, pid := range strings.Fields(h.world.ip("netns", "pids", h.ns)) {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		// After the name, which is in brackets: utime and stime are fields 14 and 15.
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, field := range f[11:13] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			all += time.Duration(ticks) * (time.Second / 100) // USER_HZ
		}
	}
	return all
}

// A flood counts what its peers got.
type flood struct{ Denied, Failed int64 }

// runFlood floods the box at addr. It prints its counts when it has begun and when
// it ends.
func runFlood(addr string) error {
	code, err := label.New(rand.Reader)
	if err != nil {
		return err
	}
	wrong := code.Claim()
	ctx, cancel := context.WithTimeout(context.Background(), floodTime)
	defer cancel()
	var denied, failed atomic.Int64
	var wg sync.WaitGroup
	for n := range floodWrong + floodSilent {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		// libp2p dials from the address at which it listens.
		h, err := swarm.New(swarm.Config{Key: key, Listen: []string{"/ip4/" + floodAddr(n) + "/tcp/4001"}})
		if err != nil {
			return err
		}
		defer func() { _ = h.Close() }()
		wg.Go(func() {
			for ctx.Err() == nil {
				var err error
				if n < floodWrong {
					err = tryCode(ctx, h, addr, wrong, key)
				} else {
					err = saySilent(ctx, h, addr)
				}
				if r, ok := errors.AsType[*pairing.Refusal](err); ok && r.Answer == pairing.Denied {
					denied.Add(1)
					continue
				}
				failed.Add(1)
				time.Sleep(10 * time.Millisecond) // a dial that libp2p itself puts off costs the box nothing
			}
		})
	}
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(flood{denied.Load(), failed.Load()}); err != nil {
		return err
	}
	wg.Wait()
	return say.Encode(flood{denied.Load(), failed.Load()})
}

// tryCode uses a code, on the connection that there is or a new one.
func tryCode(ctx context.Context, h *swarm.Host, addr string, code label.Claim, key ed25519.PrivateKey) error {
	peer, err := h.Connect(ctx, addr)
	if err != nil {
		return err
	}
	st, err := h.Open(ctx, peer, api.PairProtocol)
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = pairing.Ask(ctx, st, pairing.Request{
		Claim: code, Kind: pairing.Operator, Key: key, Box: identity.PeerID(peer), Self: identity.PeerID(st.Local()),
	})
	return err
}

// saySilent opens a stream and says nothing until the box ends it.
func saySilent(ctx context.Context, h *swarm.Host, addr string) error {
	peer, err := h.Connect(ctx, addr)
	if err != nil {
		return err
	}
	st, err := h.Open(ctx, peer, api.PairProtocol)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = st.Close() })()
	defer st.Close()
	if _, err := io.Copy(io.Discard, st); err != nil {
		return err
	}
	return fmt.Errorf("the box ended the stream")
}
