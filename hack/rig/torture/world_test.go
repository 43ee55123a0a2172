package torture

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// A world is what one seed makes: boxes, partners, a network, and what goes wrong.
type world struct {
	seed    uint64
	dir     string
	r       *rand.Rand // of the one who directs
	out     io.Writer
	planted plant

	net       *network
	operator  ed25519.PrivateKey
	epoch     time.Time // when all that is signed was signed
	boxes     []*box
	partners  []*partner
	acks      []ack
	rotten    map[rot]bool
	died      chan *box // whose disk died by itself
	scrubRate int
}

// A rot is a feed on a box some block of which has rotted.
type rot struct {
	box  *box
	feed feed.Key
}

func (w *world) isRotten(b *box, key feed.Key) bool { return w.rotten[rot{b, key}] }

// A plant is a fault of the bench's own, which it must find.
type plant int

const (
	nothing   plant = iota
	lyingDisk       // the disk says that it has synced, and has not
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func idOf(key ed25519.PrivateKey) swarm.PeerID {
	return swarm.PeerID(identity.BoxKeyOf(key).PeerID())
}

// without is a file system without one folder at its top, and without sockets.
type without struct {
	fs.FS
	name string
}

func (f without) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(f.FS, name)
	var out []fs.DirEntry
	for _, e := range list {
		if (name != "." || e.Name() != f.name) && (e.IsDir() || e.Type().IsRegular()) {
			out = append(out, e)
		}
	}
	return out, err
}

// build makes the boxes and partners, and starts them.
func (w *world) build() error {
	w.net = newNetwork(w.seed)
	w.operator, w.epoch = keyOf(200), time.Now()
	w.died = make(chan *box, events)
	w.rotten, w.scrubRate = make(map[rot]bool), -1
	for n := range 1 {
		b, err := w.newBox(n)
		if err != nil {
			return err
		}
		w.boxes = append(w.boxes, b)
	}
	for n := range 1 {
		p := w.newPartner(n, 64<<20)
		for i := range 1 + w.r.IntN(2) {
			p.logs = append(p.logs, newLog(fmt.Sprintf("%s/%d", p.name, i), byte(100+10*n+i)))
		}
		w.partners = append(w.partners, p)
	}
	for _, b := range w.boxes {
		if err := b.start(); err != nil {
			return err
		}
		for _, p := range w.partners {
			if err := p.grant(b); err != nil {
				return err
			}
		}
	}
	for _, p := range w.partners {
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

// events is how often something happens in a run.
const events = 25

// run tells the story of a seed, and returns what broke.
func (w *world) run() (err error) {
	if err := w.build(); err != nil {
		return err
	}
	for n := 0; n < events && err == nil; n++ {
		err = w.pause(time.Duration(w.r.IntN(3000)) * time.Millisecond)
		if err == nil {
			err = w.event()
		}
	}
	if err == nil {
		err = w.calm()
	}
	for _, p := range w.partners {
		err = errors.Join(err, p.end())
	}
	for _, b := range w.boxes {
		err = errors.Join(err, b.end())
		if err == nil {
			err = b.check()
		}
	}
	return err
}

// pause lets time pass. A box whose disk dies meanwhile is started again.
func (w *world) pause(d time.Duration) error {
	over := time.After(d)
	for {
		select {
		case <-over:
			return nil
		case b := <-w.died:
			if _, dead := b.disk.Died(); !dead {
				continue // it was started again since
			}
			if err := w.restart(b); err != nil {
				return err
			}
		}
	}
}

// event has one thing happen.
func (w *world) event() error {
	p := w.partners[w.r.IntN(len(w.partners))]
	b := w.boxes[w.r.IntN(len(w.boxes))]
	switch n := w.r.IntN(100); {
	case n < 40:
		p.write(w.r, p.logs[w.r.IntN(len(p.logs))])
	case n < 55:
		return p.ask(b)
	case n < 70:
		p.host.cutAll(time.Duration(w.r.IntN(2)*w.r.IntN(20)) * time.Second)
	case n < 85:
		b.disk.CrashAfter(w.r.IntN(40), func() { w.died <- b })
	default:
		return w.restart(b)
	}
	return nil
}

// restart takes the power from a box, and gives it back.
func (w *world) restart(b *box) error {
	if err := b.crash(time.Duration(w.r.IntN(2)*w.r.IntN(60)) * time.Second); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	time.Sleep(time.Duration(w.r.IntN(5000)) * time.Millisecond)
	return b.start()
}

// calm ends all faults, and waits until everything is on every box.
func (w *world) calm() error {
	for _, b := range w.boxes {
		b.disk.CrashAfter(-1, nil)
		if _, dead := b.disk.Died(); dead {
			if err := w.restart(b); err != nil {
				return err
			}
		}
	}
	deadline := time.Now().Add(10 * time.Minute)
	for {
		missing := w.missing()
		if missing == "" {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("ten minutes after all faults have ended: " + missing)
		}
		time.Sleep(time.Second)
	}
	for _, p := range w.partners {
		for _, b := range w.boxes {
			if err := p.ask(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing says what is not on the boxes yet; "" for nothing.
func (w *world) missing() string {
	for _, p := range w.partners {
		for _, b := range w.boxes {
			for _, l := range p.logs {
				if l.head().Length == 0 {
					continue
				}
				st, err := b.s.Receipt(l.Key(), p.public())
				if err != nil {
					return fmt.Sprintf("%s has no receipt for feed %s: %v", b.name, l.name, err)
				}
				r, err := identity.OpenReceipt(st, identity.BoxKeyOf(b.key))
				if err != nil {
					return err.Error()
				}
				if r.Length != l.head().Length || r.Fork != l.head().Fork {
					return fmt.Sprintf("%s has fork %d, length %d of feed %s, which is at fork %d, length %d", b.name, r.Fork, r.Length, l.name, l.head().Fork, l.head().Length)
				}
			}
		}
	}
	return ""
}

// leaks looks for files of the world that are still open, or mapped.
func (w *world) leaks() error {
	var errs []error
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil // no Linux
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, w.dir+"/") {
			errs = append(errs, fmt.Errorf("%s is still open", strings.TrimPrefix(to, w.dir)))
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, w.dir+"/") {
			errs = append(errs, fmt.Errorf("still mapped: %s", strings.TrimSpace(line)))
		}
	}
	return errors.Join(append(errs, err)...)
}
