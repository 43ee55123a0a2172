package seeder_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/boxkey"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/shelf"
)

// keepRole, in the environment, makes this test program a box in the state folder that
// it names, with a data disk. Only a program of its own can leave a store behind.
const keepRole = "SEEDER_TEST_KEEP"

func TestMain(m *testing.M) {
	if state := os.Getenv(keepRole); state != "" {
		keepBox(state)
	}
	os.Exit(m.Run())
}

// anewCode is how a box ends that is to be started anew.
const anewCode = 7

func shelfOf(state string) (shelf.Shelf, error) {
	private, err := boxkey.Load(state)
	return shelf.Shelf{
		Card: filepath.Join(state, "store"), Disk: filepath.Join(filepath.Dir(state), "disk"),
		Box: identity.BoxKeyOf(private).PeerID().String(),
	}, err
}

// keepBox runs a box and says for each seeder where it is.
func keepBox(state string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg := config(state)
	cfg.Authority, cfg.Log = true, slog.New(slog.NewTextHandler(os.Stderr, nil))
	sh, err := shelfOf(state)
	if err == nil {
		err = seeder.Keep(ctx, cfg, sh, func(s *seeder.Seeder) error {
			fmt.Println(s.Addrs()[0])
			return nil
		})
	}
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, seeder.ErrAnew):
		os.Exit(anewCode)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A keptBox is a box with a data disk, which a folder stands for: what is mounted and
// pulled here is renamed.
type keptBox struct {
	shelf.Shelf
	state string
	ran   chan string // the address of each seeder that ran, in turn
	stop  func()
}

const dataDisk = "6f1c1c1e-0000-8000-8000-000000000001"

func startKept(t *testing.T, state string) *keptBox {
	t.Helper()
	b := &keptBox{state: state, ran: make(chan string, 100)}
	var err error
	if b.Shelf, err = shelfOf(state); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.Disk, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.supervise(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// supervise starts the box's program, and again when it has to start anew.
func (b *keptBox) supervise(ctx context.Context) error {
	for ctx.Err() == nil {
		c := exec.CommandContext(ctx, os.Args[0])
		c.Env = append(os.Environ(), keepRole+"="+b.state)
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			return err
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			b.ran <- lines.Text()
		}
		if err := c.Wait(); err != nil && c.ProcessState.ExitCode() != anewCode && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// next returns the address of the next seeder that runs.
func (b *keptBox) next(t *testing.T) string {
	t.Helper()
	select {
	case addr := <-b.ran:
		return addr
	case <-time.After(time.Minute):
		t.Fatal("no other seeder runs")
		return ""
	}
}

// connect connects a device once the box's authority has spoken.
func (b *keptBox) connect(t *testing.T, d *device, addr string) (c *client.Box) {
	t.Helper()
	eventually(t, "connecting", func() (err error) {
		c, err = d.client.Connect(t.Context(), addr)
		return err
	})
	t.Cleanup(c.Close)
	return c
}

// figures asks the seeder at its socket.
func (b *keptBox) figures(t *testing.T) (f api.Figures) {
	t.Helper()
	b.ask(t, "/v1/figures", &f)
	return f
}

func (b *keptBox) ask(t *testing.T, path string, out any) {
	t.Helper()
	eventually(t, "asking", func() error {
		resp, err := api.SocketClient(api.SocketPath(b.state)).Get("http://box" + path)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		return api.ReadAnswer(resp, 1<<20, out)
	})
}

// The life of a store: on the card, moved to a data disk, which is pulled and put back;
// and with another disk in its place.
func TestKeep(t *testing.T) {
	state, partner := stateDir(t), key(71)
	a := startAuthority(t, state)
	a.say(func(t *api.Access) { t.Partners = []api.PartnerAccess{partnerAccess(partner)} })
	b := startKept(t, state)
	d := newDevice(t, partner, 72)
	c := b.connect(t, d, b.next(t))
	l := newLog(t, 73)
	l.write(t, 20, 1000, 1)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{Label: "mine"}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 20)
	stop()
	complete := func(addr string) {
		t.Helper()
		c := b.connect(t, d, addr)
		wait(t, c, l.Key(), pin.Complete, 20)
		if r, _, err := c.Receipt(t.Context(), identity.PartnerKeyOf(partner), l.Key()); err != nil || r.Length != 20 {
			t.Errorf("receipt = %+v, %v", r, err)
		}
		if f := b.figures(t); f.Store.Trouble != api.StoreOpen || f.Store.Blocks != 20 {
			t.Errorf("figures of the store = %+v", f.Store)
		}
	}

	mark := shelf.NewMark(b.Box, dataDisk)
	if err := shelf.WriteMark(b.Disk, mark, nil); err != nil {
		t.Fatal(err)
	}
	b.next(t) // while the store is moved
	complete(b.next(t))
	b.onCard(t)
	if _, err := os.Stat(filepath.Join(b.Disk, "cobox/store/feeds")); err != nil {
		t.Error(err)
	}

	away := b.Disk + "-away"
	swap := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	swap(b.Disk, away)
	if err := os.Mkdir(b.Disk, 0o755); err != nil {
		t.Fatal(err)
	}
	b.isGone(t, d, b.next(t), l.Key(), "not there")

	// A disk of the same box, and not the one.
	if err := shelf.WriteMark(b.Disk, shelf.NewMark(b.Box, "another"), nil); err != nil {
		t.Fatal(err)
	}
	b.isGone(t, d, b.next(t), l.Key(), "another disk")
	if entries, err := os.ReadDir(filepath.Join(b.Disk, "cobox")); err != nil || len(entries) > 0 {
		t.Errorf("something was written to another disk: %v, %v", entries, err)
	}

	if err := os.RemoveAll(b.Disk); err != nil {
		t.Fatal(err)
	}
	swap(away, b.Disk)
	complete(b.next(t))
	b.onCard(t)

	// It is so after a restart, too.
	b.stop()
	b = startKept(t, state)
	complete(b.next(t))
}

// onCard expects nothing on the card but the note that the store is on the disk.
func (b *keptBox) onCard(t *testing.T) {
	t.Helper()
	eventually(t, "the card", func() error {
		entries, err := os.ReadDir(b.Card)
		if err == nil && len(entries) != 1 {
			err = errors.New("there is more on it than the note")
		}
		return err
	})
}

// isGone expects of a seeder that it answers, and says that its disk is gone.
func (b *keptBox) isGone(t *testing.T, d *device, addr string, key feed.Key, why string) {
	t.Helper()
	c := b.connect(t, d, addr)
	if _, err := c.Pins(t.Context()); !hasCode(err, api.DiskGone) || !strings.Contains(err.Error(), why) {
		t.Errorf("pins of a box whose disk is gone: %v", err)
	}
	if _, err := c.Pin(t.Context(), key, api.PinRequest{}); !hasCode(err, api.DiskGone) {
		t.Errorf("pinning on a box whose disk is gone: %v", err)
	}
	if st, err := c.Status(t.Context()); err != nil || !strings.Contains(st.Store.Trouble, why) {
		t.Errorf("status of a box whose disk is gone: %+v, %v", st.Store, err)
	}
	if f := b.figures(t); f.Store.Trouble != api.StoreGone {
		t.Errorf("figures of a box whose disk is gone: %+v", f.Store)
	}
	b.onCard(t)
}

// A store that cannot be opened does not keep the box from answering.
func TestKeepDamaged(t *testing.T) {
	state := stateDir(t)
	startAuthority(t, state)
	b := startKept(t, state)
	b.next(t)
	b.figures(t) // it runs
	b.stop()
	if err := os.WriteFile(filepath.Join(b.Card, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b = startKept(t, state)
	b.next(t)
	if f := b.figures(t); f.Store.Trouble != api.StoreForeign {
		t.Errorf("figures of a box whose store is none: %+v", f.Store)
	}
}
