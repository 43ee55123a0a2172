package interop_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/hack/interop"
	"cobox/seeder/pin"
)

var (
	withNode = flag.Bool("interop", false, "run the scenarios; needs Node 20 and the npm packages (make interop)")
	against  = flag.String("against", "box", "`who` keeps the feeds: box, or js for a blind store in JavaScript")
	logs     = flag.String("logs", "", "a `folder` for the boxes' logs, with every message by name")
	deadline = flag.Duration("deadline", 5*time.Minute, "the `time` that a scenario may take; nearly all take seconds when nothing else runs")
)

// progs are the programs under test, built once.
var progs interop.Programs

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if !*withNode {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "cobox-interop-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		progs, err = interop.Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// A scene is one scenario with its processes, all of which end with it.
type scene struct {
	*testing.T
	ctx context.Context
}

// play begins a scenario.
func play(t *testing.T) *scene {
	t.Helper()
	if !*withNode {
		t.Skip("needs Node 20 and the npm packages: make interop")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), *deadline)
	t.Cleanup(cancel)
	return &scene{t, ctx}
}

// playBox begins a scenario that only a box can play.
func playBox(t *testing.T) *scene {
	t.Helper()
	s := play(t)
	if *against != "box" {
		t.Skip("tells nothing without a box")
	}
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// facts is whatever peers tell; each fills in what it speaks of.
type facts struct {
	Key, DiscoveryKey, Address, SHA256, TreeHash string
	Client, PublicKey, Local, Blobs, Error       string
	Length, Fork, Bytes, Version, Blocks, Index  uint64
	Lies                                         int
	Closed                                       bool
	Frames, Bootstrap                            []string
	Cores                                        []struct{ Key string }
}

// same reports whether two peers hold the same feed at the same head.
func (f facts) same(g facts) bool {
	return f.SHA256 != "" && f.SHA256 == g.SHA256 && f.Length == g.Length && f.Fork == g.Fork
}

// A player is a JavaScript peer in a scene.
type player struct {
	*interop.Peer
	s     *scene
	ready facts
}

// peer starts a JavaScript peer.
func (s *scene) peer(script string, args ...string) *player {
	s.Helper()
	p := &player{s: s}
	var err error
	p.Peer, err = interop.StartPeer(s.ctx, ".", script, &p.ready, args...)
	s.must(err)
	s.Cleanup(func() { _ = p.Kill() })
	return p
}

// writer starts a writer whose core is in a folder of its own, and which is its
// seed's name.
func (s *scene) writer(args ...string) *player {
	s.Helper()
	return s.peer("writer.mjs", append([]string{"--storage", s.TempDir(), "--seed", s.Name()}, args...)...)
}

// reader starts a reader of a writer's core that is connected to hosts.
func (s *scene) reader(key string, hosts []host, args ...string) *player {
	s.Helper()
	args = append([]string{"--storage", s.TempDir(), "--key", key}, args...)
	for _, h := range hosts {
		args = append(args, "--to", h.address())
	}
	return s.peer("reader.mjs", args...)
}

type with map[string]any

// do has the peer carry out a command.
func (p *player) do(command string, args ...with) facts {
	p.s.Helper()
	line := map[string]any{"do": command}
	for _, a := range args {
		for name, value := range a {
			line[name] = value
		}
	}
	var f facts
	p.s.must(p.Do(p.s.ctx, line, &f))
	return f
}

// hear waits for something that happens to the peer.
func (p *player) hear(event string) facts {
	p.s.Helper()
	var f facts
	p.s.must(p.Wait(p.s.ctx, event, &f))
	return f
}

// leave ends the peer in good order.
func (p *player) leave() {
	p.s.Helper()
	p.s.must(p.End())
}

// push connects a writer to a host, waits until the host has all, and returns
// what readers must find.
func (p *player) push(h host) facts {
	p.s.Helper()
	p.do("dial", with{"to": h.address()})
	p.do("held")
	return p.do("sum")
}

// A host keeps feeds for others.
type host interface {
	address() string     // HOST:PORT for stock peers
	pin(key string)      // keep a feed, for everybody who knows the key
	pinDrive(key string) // keep a Hyperdrive
	crash()              // a power cut, and back
	state(key string) held
}

// held is how a host stands with a feed.
type held struct {
	length, fork, blocks uint64
	why                  string
}

// until waits until a host stands with a feed as it should.
func (s *scene) until(h host, key string, is func(held) bool) {
	s.Helper()
	for !is(h.state(key)) {
		select {
		case <-time.After(20 * time.Millisecond): // a host tells how it stands when it is asked
		case <-s.ctx.Done():
			s.Fatalf("the host stands at %+v", h.state(key))
		}
	}
}

// host starts a host.
func (s *scene) host() host {
	s.Helper()
	if *against == "js" {
		return s.store()
	}
	return s.box()
}

// A boxHost is a box with a partner who pins there.
type boxHost struct {
	*interop.Box
	s       *scene
	partner *interop.Partner
}

func (s *scene) box() *boxHost {
	s.Helper()
	b, err := interop.StartBox(s.ctx, progs, s.TempDir(), *logs != "")
	if b != nil {
		s.Cleanup(func() { s.endBox(b) })
	}
	s.must(err)
	return &boxHost{b, s, s.partner(b)}
}

func (s *scene) endBox(b *interop.Box) {
	_ = b.Kill()
	log := b.Log()
	if *logs != "" {
		name := strings.ReplaceAll(s.Name(), "/", "-") + "-" + b.ID + ".log"
		s.must(os.WriteFile(filepath.Join(*logs, name), []byte(log), 0o600))
	}
	if s.Failed() {
		s.Logf("the box's log ends:\n%s", log[max(0, len(log)-4000):])
	}
}

// partner makes a partner who has room on a box.
func (s *scene) partner(b *interop.Box) *interop.Partner {
	s.Helper()
	p, err := interop.NewPartner(s.ctx, progs, s.TempDir())
	s.must(err)
	s.must(p.Grant(s.ctx, b, "10GB"))
	return p
}

func (b *boxHost) address() string { return b.Hypercore.Addr }

func (b *boxHost) pin(key string) {
	b.s.Helper()
	b.s.must(b.partner.Pin(b.s.ctx, b.Box, key, true))
}

func (b *boxHost) pinDrive(key string) {
	b.s.Helper()
	b.s.must(b.partner.PinDrive(b.s.ctx, b.Box, key))
}

func (b *boxHost) crash() {
	b.s.Helper()
	b.s.must(b.Kill())
	b.s.must(b.Start(b.s.ctx))
}

func (b *boxHost) status(key string) *pin.Status {
	b.s.Helper()
	st, err := b.Pinned(b.s.ctx, key)
	b.s.must(err)
	return st
}

func (b *boxHost) state(key string) held {
	b.s.Helper()
	st, err := b.Pinned(b.s.ctx, key)
	if errors.Is(err, interop.ErrNotKept) {
		return held{why: "not kept"}
	}
	b.s.must(err)
	return held{st.Head.Length, st.Head.Fork, st.Blocks, string(st.State) + ": " + st.Why}
}

// A storeHost is the blind store in JavaScript.
type storeHost struct {
	*player
	storage string
}

func (s *scene) store() *storeHost {
	h := &storeHost{storage: filepath.Join(s.TempDir(), "store")}
	h.player = s.peer("blind-store.mjs", "--storage", h.storage)
	return h
}

func (h *storeHost) address() string     { return h.ready.Address }
func (h *storeHost) pin(key string)      { h.do("pin", with{"key": key}) }
func (h *storeHost) pinDrive(key string) { h.do("drive", with{"key": key}) }

func (h *storeHost) crash() {
	h.s.must(h.Kill())
	h.player = h.s.peer("blind-store.mjs", "--storage", h.storage)
}

func (h *storeHost) state(key string) held {
	f := h.do("state", with{"key": key})
	return held{length: f.Length, fork: f.Fork, blocks: f.Blocks}
}
