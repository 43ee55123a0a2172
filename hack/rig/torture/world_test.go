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
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/store/storetest"
	"cobox/seeder/swarm"
)

// A world is what one seed makes: boxes, partners, a network, and what goes wrong.
type world struct {
	seed    uint64
	dir     string
	r       *rand.Rand // of the one who directs
	out     io.Writer
	planted plant
	counts  *counts
	// slowDisk says that syncs may take seconds; else feeds may be unpinned and
	// truncated. Not both: these wait for a commit with a lock held, and the bubble's
	// clock stands still while somebody waits for a lock.
	slowDisk bool
	leaked   *os.File // on purpose

	net      *network
	operator ed25519.PrivateKey
	epoch    time.Time // when all that is signed was signed
	boxes    []*box
	partners []*partner
	mallory  *mallory
	acks     []ack // what the boxes have promised
	rotten   map[rot]bool
	died     chan *box // whose disk died by itself
}

// counts say how much happened, so that a bench in which nothing goes wrong is seen
// to be one.
type counts struct {
	days, crashes, diedInAStep, acks, cuts, rotten, garbled, pried, read, posed, lists, mended atomic.Int64
}

func (c *counts) String() string {
	return fmt.Sprintf("%d days, %d crashes of which %d at a step of the store, %d receipts, %d connections cut, %d bytes rotten; %d partners signed a list of keepers, %d times boxes filled each other; mallory changed %d frames, asked for others' pins %d times, for their blocks %d times, and posed as a box %d times",
		c.days.Load(), c.crashes.Load(), c.diedInAStep.Load(), c.acks.Load(), c.cuts.Load(), c.rotten.Load(), c.lists.Load(), c.mended.Load(), c.garbled.Load(), c.pried.Load(), c.read.Load(), c.posed.Load())
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
	forger          // a byte of a block is another than was verified
	overQuota       // a box is told of a larger quota than the bench knows
	openDoor        // mallory has a certificate of another partner
	openFile        // the bench leaves a file open
	gossip          // boxes are told of each other, and the bench does not know who did it
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

// days draws how often all is switched off and on again, and what the clocks say
// then. A clock may go back: boards have none that runs without power. The last day
// is after all others.
func (w *world) days() []time.Duration {
	first := 30 * 24 * time.Hour
	if w.r.IntN(6) > 0 {
		return []time.Duration{first}
	}
	var list []time.Duration
	latest := first
	for _, d := range []time.Duration{0, first + time.Hour, 400 * 24 * time.Hour}[w.r.IntN(3):] {
		list = append(list, d)
		latest = max(latest, d)
	}
	w.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return append(append([]time.Duration{first}, list...), latest+time.Hour)
}

// build makes the boxes and partners.
func (w *world) build() error {
	w.operator, w.rotten = keyOf(200), make(map[rot]bool)
	w.epoch = time.Date(2000, 1, 20, 0, 0, 0, 0, time.UTC) // of the bubble's clock, before the first day
	for n := range 1 + w.r.IntN(2) {
		b, err := w.newBox(n)
		if err != nil {
			return err
		}
		w.boxes = append(w.boxes, b)
	}
	for n := range 1 + w.r.IntN(2) {
		p := w.newPartner(n, 64<<20)
		for i := range 1 + w.r.IntN(2) {
			p.logs = append(p.logs, newLog(fmt.Sprintf("%s/%d", p.name, i), byte(100+10*n+i)))
		}
		// Half of those who have two boxes tell them of each other.
		if p.lists = len(w.boxes) > 1 && chance(w.seed, p.name+" lists").IntN(2) == 0; p.lists {
			w.counts.lists.Add(1)
		}
		w.partners = append(w.partners, p)
	}
	w.mallory = w.newMallory()
	w.slowDisk = w.r.IntN(2) == 0
	return nil
}

// open switches everything on.
func (w *world) open() error {
	w.net = newNetwork(w.seed)
	w.died = make(chan *box, events)
	for _, b := range w.boxes {
		if err := errors.Join(b.renewDisk(), b.start()); err != nil {
			return err
		}
		for _, p := range append(w.partners, w.mallory.partner) {
			if err := p.grant(b); err != nil && time.Now().After(w.epoch) {
				return err
			}
		}
	}
	for _, p := range w.partners {
		if err := p.start(); err != nil {
			return err
		}
	}
	return w.mallory.start()
}

// shut switches everything off, and looks at what is left.
func (w *world) shut() (err error) {
	for _, p := range append(w.partners, w.mallory.partner) {
		err = errors.Join(err, p.end())
	}
	for _, b := range w.boxes {
		e := b.end()
		if _, dead := b.disk.Died(); e != nil && !dead && !b.hurt {
			err = errors.Join(err, fmt.Errorf("closing %s: %w", b.name, e))
		}
		if err == nil && w.planted == forger {
			err = w.rot(b, w.partners[0].logs[0])
			clear(w.rotten)
		}
		if err == nil && w.planted == openFile {
			w.leaked, err = os.Open(filepath.Join(b.state, "box.key"))
		}
		if err == nil {
			err = b.check()
		}
	}
	if !w.listed() && w.net.linked(w.boxes) {
		err = errors.Join(err, errors.New("boxes have met of which no partner had told them"))
	}
	return errors.Join(err, w.mallory.account())
}

// events is how often something happens in a day.
const events = 20

// day tells the story of one day, whose clock begins some time after 2000, and
// returns what broke.
func (w *world) day(begin time.Duration, last bool) (err error) {
	time.Sleep(begin)
	w.counts.days.Add(1)
	if err := w.open(); err != nil {
		return err
	}
	for n := 0; n < events && err == nil; n++ {
		err = w.pause(time.Duration(w.r.IntN(3000)) * time.Millisecond)
		if err == nil {
			err = w.event()
		}
	}
	if err == nil && last {
		err = w.calm()
	}
	return errors.Join(err, w.shut())
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
	l := p.logs[w.r.IntN(len(p.logs))]
	switch n := w.r.IntN(100); {
	case n < 30:
		p.write(w.r, l)
	case n < 42:
		return p.ask(b)
	case n < 48:
		w.mallory.scribble(w.r)
	case n < 60:
		w.counts.cuts.Add(1)
		p.host.cutAll(time.Duration(w.r.IntN(2)*w.r.IntN(20)) * time.Second)
	case n < 70:
		b.disk.CrashAfter(w.r.IntN(40), func() { w.died <- b })
	case n < 74:
		return w.restart(b)
	case n < 82:
		w.net.change(func() { w.net.apart[[]swarm.PeerID{p.host.id, b.id()}[w.r.IntN(2)]] = w.r.IntN(2) == 0 })
		p.host.cutAll(0)
	case n < 86:
		slow := []time.Duration{time.Millisecond, 20 * time.Millisecond, 3 * time.Second}[w.r.IntN(3)]
		w.net.change(func() { w.net.slow = slow })
	case n < 90:
		full := w.r.IntN(2) == 0
		b.disk.Faults(func(f *storetest.Faults) { f.Full = full })
	case n < 93:
		if !w.slowDisk {
			p.unpin(b, l)
			break
		}
		slow := time.Duration(w.r.IntN(2)*w.r.IntN(8000)) * time.Millisecond
		b.disk.Faults(func(f *storetest.Faults) { f.SlowSync = slow })
	case n < 95:
		b.hurt = true
		b.disk.Faults(func(f *storetest.Faults) { f.ReadOnly = true })
	case n < 98:
		return w.rot(b, l)
	default:
		w.mallory.host.cutAll(0)
	}
	return nil
}

// rot changes a byte of a feed's blocks behind the box's back.
func (w *world) rot(b *box, l *feedlog.Log) error {
	files, err := filepath.Glob(filepath.Join(b.state, "store", "feeds", l.Key().DiscoveryKey().String(), "*.blocks"))
	if err != nil || len(files) == 0 {
		return err
	}
	f, err := os.OpenFile(files[w.r.IntN(len(files))], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	at, c := w.r.Int64N(info.Size()), make([]byte, 1)
	if _, err := f.ReadAt(c, at); err != nil {
		return err
	}
	c[0] ^= 1 << w.r.IntN(8)
	w.rotten[rot{b, l.Key()}] = true
	w.counts.rotten.Add(1)
	_, err = f.WriteAt(c, at)
	return err
}

// restart takes the power from a box, and gives it back.
func (w *world) restart(b *box) error {
	w.counts.crashes.Add(1)
	if _, dead := b.disk.Died(); dead {
		w.counts.diedInAStep.Add(1)
	}
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
	w.net.change(func() {
		clear(w.net.apart)
		w.net.slow = 20 * time.Millisecond
	})
	for _, b := range w.boxes {
		b.disk.CrashAfter(-1, nil)
		b.disk.Faults(func(f *storetest.Faults) { f.Full, f.SlowSync = false, 0 })
		if _, dead := b.disk.Died(); dead || b.hurt || w.rots(b) {
			if err := w.restart(b); err != nil {
				return err
			}
			b.hurt = false
		}
	}
	// A box that has begun anew reads all it has, and finds what has rotted.
	if err := w.wait("the scrubs", func() string {
		for _, b := range w.boxes {
			if f := b.s.Figures(); f.Scrub.Running || f.Scrub.Finished.IsZero() {
				return b.name + " is still scrubbing"
			}
		}
		return ""
	}); err != nil {
		return err
	}
	clear(w.rotten)
	if err := w.wait("everything", w.missing); err != nil {
		return err
	}
	for _, p := range w.partners {
		for _, b := range w.boxes {
			if err := p.ask(b); err != nil {
				return err
			}
		}
	}
	return w.mend()
}

func (w *world) rots(b *box) bool {
	for r := range w.rotten {
		if r.box == b {
			return true
		}
	}
	return false
}

// soon is how long what is missing may take once all faults have ended: a box looks for
// what another one has every ten minutes.
const soon = 25 * time.Minute

// wait waits until nothing is missing.
func (w *world) wait(what string, missing func() string) error {
	deadline := time.Now().Add(soon)
	for {
		text := missing()
		if text == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting for %s, %v after all faults have ended: %s", what, soon, text)
		}
		time.Sleep(time.Second)
	}
}

// missing says what is not on the boxes yet; "" for nothing.
func (w *world) missing() string {
	for _, p := range w.partners {
		for _, b := range w.boxes {
			for _, l := range p.logs {
				if l.Head().Length == 0 {
					continue
				}
				st, err := b.s.Receipt(l.Key(), p.public())
				if err != nil {
					return fmt.Sprintf("%s has no receipt for feed %s: %v", b.name, l.Name, err)
				}
				r, err := identity.OpenReceipt(st, identity.BoxKeyOf(b.key))
				if err != nil {
					return err.Error()
				}
				if r.Length != l.Head().Length || r.Fork != l.Head().Fork {
					return fmt.Sprintf("%s has fork %d, length %d of feed %s, which is at fork %d, length %d", b.name, r.Fork, r.Length, l.Name, l.Head().Fork, l.Head().Length)
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

func newLog(name string, seed byte) *feedlog.Log { return feedlog.New(name, storetest.NewWriter(seed)) }
