package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/hack/rig/programs"
	"cobox/seeder/identity"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

var (
	length = flag.Duration("for", 15*time.Second, "how long the boxes run")
	every  = flag.Duration("every", 5*time.Second, "after what time one of them is killed, over and over")
	people = flag.Int("partners", 4, "how many partners use them")
	seed   = flag.Uint64("seed", 1, "what they do, and when")
)

var operator = keyOf("operator", 0)

// A scene is two boxes, and all who use them.
type scene struct {
	boxes    []*box
	partners []*partner
	mallory  *mallory
	counts   counts

	mu     sync.Mutex
	faults []error // mu
}

// A wrong is something that no box may do, whatever happens to it.
type wrong struct{ error }

func wrongf(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

// maxFaults bounds what is remembered of a broken promise that breaks all the time.
const maxFaults = 20

// try takes in how something went. That a box is not there is no fault: one is killed.
func (s *scene) try(err error) {
	if w, ok := errors.AsType[wrong](err); ok {
		s.wrong(w)
	} else if err != nil {
		s.counts.refused.Add(1)
	}
}

// wrong takes in a fault; nil is none.
func (s *scene) wrong(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && len(s.faults) < maxFaults {
		s.faults = append(s.faults, err)
	}
}

// noneFor is how long a partner may go without a word from a box that is not killed.
const noneFor = 5 * time.Minute

// deserted looks for partners whose computer does not get through to a box that lives.
func (s *scene) deserted(lives *box) {
	for _, p := range s.partners {
		if when := p.heard(lives); time.Since(when) > noneFor {
			s.wrong(fmt.Errorf("%s has heard nothing from the box that lives since %v; its latest trouble: %v", p.name, when.Format(time.TimeOnly), p.trouble(lives)))
		}
	}
}

// newScene makes the boxes and everybody.
func newScene(dir string) (*scene, error) {
	if err := programs.Into(dir, programs.Seederd); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "seederd")
	s := &scene{}
	var grants []identity.Grant
	for n := range *people {
		p, err := s.newPartner(fmt.Sprint("partner ", n), n%2 == 0)
		if err != nil {
			return nil, err
		}
		s.partners = append(s.partners, p)
		grants = append(grants, identity.Grant{Partner: p.public(), QuotaBytes: quotaBytes, MaxFeeds: 2 * partnerFeeds, Issued: time.Now()})
	}
	var err error
	if s.mallory, err = s.newMallory(); err != nil {
		return nil, err
	}
	grants = append(grants, identity.Grant{Partner: s.mallory.public(), QuotaBytes: malloryQuota, MaxFeeds: 2, Issued: time.Now()})
	for _, name := range []string{"lives", "killed"} {
		b, err := newBox(dir, name, program, keyOf(name, 0), grants)
		if err != nil {
			return nil, err
		}
		s.boxes = append(s.boxes, b)
	}
	return s, nil
}

// close lets go of everybody's place in the network.
func (s *scene) close() (err error) {
	for _, p := range append(s.partners, s.mallory.partner) {
		err = errors.Join(err, p.host.Close())
	}
	return err
}

// TestSoak: in all that time nothing that was acknowledged is lost, nobody gets what is
// another's, and nothing grows.
func TestSoak(t *testing.T) {
	dir, err := os.MkdirTemp("", "soak") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := newScene(dir)
	if err != nil {
		t.Fatal(err)
	}
	lives, killed := s.boxes[0], s.boxes[1]
	for _, b := range s.boxes {
		if err := b.start(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		crowd.Wait()
	})
	for i, p := range s.partners {
		crowd.Go(func() { p.run(ctx, rand.New(rand.NewPCG(*seed, uint64(i)))) })
	}
	crowd.Go(func() { s.mallory.run(ctx, rand.New(rand.NewPCG(*seed, 1000))) })

	mine := []*figure{
		{name: "partners' side: goroutines", unit: 1, slack: 60},
		{name: "partners' side: heap after a collection, MiB", unit: 1 << 20, slack: 16},
		{name: "partners' side: open files", unit: 1, slack: 20},
	}
	began, kills, checked := time.Now(), 0, 0
	r := rand.New(rand.NewPCG(*seed, 2000))
	for time.Since(began) < *length {
		time.Sleep(*every - time.Duration(r.Int64N(int64(*every)/4))) // not in step with anything
		g, h, f := ours()
		mine[0].add(g)
		mine[1].add(h)
		mine[2].add(f)
		for _, b := range s.boxes {
			if err := b.look(); err != nil {
				t.Fatal(err)
			}
		}
		s.deserted(lives)
		killed.kill()
		kills++
		blocks, lost := killed.check()
		checked += blocks
		for _, err := range lost {
			t.Errorf("after kill %d: %v", kills, err)
		}
		if err := killed.start(); err != nil {
			t.Fatal(err)
		}
		if kills%10 == 0 {
			t.Logf("%v: killed %d times; %v", time.Since(began).Round(time.Second), kills, &s.counts)
		}
		s.mu.Lock()
		over := len(s.faults) == maxFaults
		s.mu.Unlock()
		if over || t.Failed() {
			break
		}
	}
	cancel()
	crowd.Wait()
	for _, b := range s.boxes {
		s.wrong(b.end())
		blocks, lost := b.check()
		checked += blocks
		for _, err := range lost {
			t.Errorf("at the end: %v", err)
		}
	}
	s.wrong(s.close())
	for _, err := range s.faults {
		t.Error(err)
	}
	given := lives.given + killed.given
	if given == 0 || s.counts.read.Load() == 0 || s.counts.misdeeds.Load() == 0 {
		t.Error("not everything has happened")
	}
	figures := append(mine, &lives.heap, &lives.goroutines, &lives.files, &lives.disk, &killed.heap, &killed.goroutines, &killed.files, &killed.disk)
	for _, f := range figures {
		if v := f.verdict(); v != "" {
			t.Error(v)
		}
	}
	t.Logf("%v, killed %d times, seed %d: %v; %d receipts, %d acknowledged blocks compared with what the disks hold\n%s",
		time.Since(began).Round(time.Second), kills, *seed, &s.counts, given, checked, table(figures))
}

// TestFindsLoss: a box that does not have what it gave a receipt for is found out.
func TestFindsLoss(t *testing.T) {
	w := storetest.NewWriter(1)
	w.Append([]byte("one"), []byte("two"))
	l := feedlog.New("feed", w)
	b, err := newBox(t.TempDir(), "box", "", keyOf("box", 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.acknowledged(l, identity.Receipt{Length: 2})
	if n, lost := b.check(); n != 0 || len(lost) != 1 {
		t.Errorf("an empty box: %d blocks, %v", n, lost)
	}
	kept, err := store.Open(filepath.Join(b.state, "store"), store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	other := storetest.NewWriter(1)
	other.Append([]byte("one"), []byte("owt"))
	f, err := storetest.Of(kept).Create(w.Key)
	if err == nil {
		err = errors.Join(other.Fill(f), kept.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if n, lost := b.check(); n != 0 || len(lost) != 1 || !strings.Contains(lost[0].Error(), "not as it was written") {
		t.Errorf("a box with another block: %d blocks, %v", n, lost)
	}
}
