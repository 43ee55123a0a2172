package boottest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/appliance/boottest"
	"cobox/appliance/health"
	"cobox/appliance/perm"
	"cobox/appliance/slots"
	"cobox/provision/control"
)

// TestUpdate: a box takes a release from afar, proves it, and keeps it and all that
// it has; one whose seeder crashes it leaves again by itself, and says why.
func TestUpdate(t *testing.T) {
	s := newStory(t, boottest.Virt)
	good := makeRelease(t, variant{version: 1})
	bad := makeRelease(t, variant{version: 2, programs: map[string]string{"user/seederd": "crash"}})
	was := readBase(t).system
	s.switchOn()
	s.awaitBox()
	s.pair()
	s.becomePartner()
	folder := filepath.Join(s.dir, "documents")
	fill(t, folder, 20, 100_000)
	s.run(nil, "", "cobox", "space", "create", "documents", folder)
	s.run(nil, "", "cobox", "pin", "documents", s.addr)
	s.run(nil, "", "cobox", "backup", "documents")
	s.wantSystem(was.Version, "")

	began := time.Now()
	u := s.update(good.file)
	s.restarts("this system is on trial")
	if err := u.wait(t); err != nil {
		t.Fatal(err)
	}
	t.Logf("updated in %.0f s", time.Since(began).Seconds())
	s.wantSlot(slots.B, good.root)
	s.wantStarted(slots.B)
	s.wantSystem(good.system.Version, control.Settled)
	s.cutPower()
	s.switchOn()
	s.awaitStatus()
	s.wantSystem(good.system.Version, control.Settled)
	if st := s.status(); st.Authority.Role != "owner" || st.Authority.Passive || len(st.Authority.Troubles) > 0 {
		t.Errorf("after the update: %+v", st)
	}
	s.wantFinding(health.UpdateSettled)
	s.awaitPins()
	restored := filepath.Join(s.dir, "restored")
	s.run(nil, "", "cobox", "restore", "-space", "documents", restored)
	same(t, folder, restored)

	began = time.Now()
	u = s.update(bad.file, "-limit", "30s")
	s.restarts("this system is on trial")
	s.restarts("seederd answers")
	err := u.wait(t)
	if err == nil || !strings.Contains(err.Error(), "the seeder does not answer") {
		t.Errorf("updating to a release whose seeder crashes: %v", err)
	}
	t.Logf("rolled back in %.0f s", time.Since(began).Seconds())
	s.wantStarted(slots.B)
	if strings.Contains(s.guest.Console(), "recovery complete") {
		t.Error("/perm was not unmounted when the system on trial ended")
	}
	if sys := s.wantSystem(good.system.Version, control.RolledBack); !strings.Contains(sys.Update.Why, "the seeder does not answer") || sys.Update.Version != bad.system.Version {
		t.Errorf("the box says of the update %+v", sys.Update)
	}
	s.run(nil, "", "cobox", "backup", "documents")
	s.wantFinding(health.UpdateRolledBack)
	s.run(nil, "", "coboxctl", "set", "-addr", s.addr, "metrics-lan", "on")
	page := s.metrics()
	for _, want := range []string{`cobox_update_state{state="rolled-back"} 1`, `cobox_boot_info{cause="updated",slot="b"} 1`} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("the metrics do not say %s", want)
		}
	}
}

// wantFinding sees to it that the box's own report on its health has a finding.
func (s *story) wantFinding(want health.Finding) {
	s.Helper()
	var st struct{ Health health.Report }
	s.run(&st, "", "coboxctl", "status", "-addr", s.addr)
	if !slices.ContainsFunc(st.Health.Checks, func(r health.Result) bool { return r.Finding == want }) {
		s.Errorf("the box does not say %s: %+v", want, st.Health)
	}
}

// metrics returns what Prometheus reads from the box.
func (s *story) metrics() string {
	s.Helper()
	var scrape struct{ Token string }
	s.retry("", "coboxctl", "prometheus", "-addr", s.addr)
	s.run(&scrape, "", "coboxctl", "prometheus", "-addr", s.addr)
	req, err := http.NewRequestWithContext(s.within(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", s.guest.Ports()["tcp/9100"]), nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+scrape.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("the metrics: %s, %v, %s", resp.Status, err, text)
	}
	return string(text)
}

// An updating is a coboxctl update that runs.
type updating struct {
	ended chan error
	stop  context.CancelFunc // ends it
}

// update begins to update the box.
func (s *story) update(file string, args ...string) updating {
	ctx, cancel := context.WithCancel(s.Context())
	s.Cleanup(cancel)
	u := updating{make(chan error, 1), cancel}
	go func() {
		u.ended <- s.tryRunIn(ctx, nil, "", "coboxctl", append(append([]string{"update", "-addr", s.addr}, args...), s.boxID(), file)...)
	}()
	return u
}

func (s *story) boxID() string { return s.addr[strings.LastIndexByte(s.addr, '/')+1:] }

// wait returns how it went.
func (u updating) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-u.ended:
		return err
	case <-time.After(2 * patience):
		t.Fatal("coboxctl update does not end")
	}
	return nil
}

// restarts waits until the machine starts anew by itself, as the firmware of a board
// does: with what the command line on the card says then. mark is what the console
// shows of the start.
func (s *story) restarts(mark string) {
	s.Helper()
	s.ends()
	s.switchOn()
	s.await(mark)
}

// ends waits until the machine ends by itself.
func (s *story) ends() {
	s.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.guest.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			s.Fatal(err)
		}
	case <-s.within().Done():
		s.Fatal("the machine does not start anew")
	}
}

// wantSystem sees to it that the box runs a version, and how it says its latest
// update went.
func (s *story) wantSystem(version uint64, state string) (sys control.System) {
	s.Helper()
	s.retry("", "coboxctl", "update", "-status", "-addr", s.addr) // one that has just come up lets nobody in
	s.run(&sys, "", "coboxctl", "update", "-status", "-addr", s.addr)
	if sys.Version != version || sys.Update.State != state {
		s.Errorf("the box runs version %d, its latest update is %+v; want version %d, %q", sys.Version, sys.Update, version, state)
	}
	return sys
}

// wantStarted sees to it that the card says to all kinds of firmware that a slot is
// started, always.
func (s *story) wantStarted(slot int) {
	s.Helper()
	for _, name := range []string{"cmdline.txt", "loader/entries/gokrazy.conf"} {
		text, err := boottest.ReadBootFile(s.card.File, name)
		if err != nil {
			s.Fatal(err)
		}
		if got, err := slots.ParseStart(text); err != nil || got != (slots.Start{Slot: slot}) {
			s.Errorf("%s says %q: %+v, %v; want slot %d", name, bytes.TrimSpace(text), got, err, slot)
		}
	}
}

// partition returns where a partition begins on a card, in bytes.
func partition(card string, number int) (int64, error) {
	f, err := os.Open(card)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	table, err := perm.ReadTable(f, cardSize)
	if err != nil {
		return 0, err
	}
	at, ok := table.Partition(number)
	if !ok {
		return 0, fmt.Errorf("the card has no partition %d", number)
	}
	return at.Start, nil
}

// wantSlot sees to it that a slot begins with a root file system.
func (s *story) wantSlot(slot int, root []byte) {
	s.Helper()
	got, err := s.readSlot(slot, len(root))
	if err != nil || !bytes.Equal(got, root) {
		s.Errorf("partition %d does not hold the root file system that was sent, %v", slot, err)
	}
}

func (s *story) readSlot(slot, size int) ([]byte, error) {
	at, err := partition(s.card.File, slot)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(s.card.File)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	_, err = f.ReadAt(b, at)
	return b, errors.Join(err, f.Close())
}

// TestUpdateUEFI is an update of a board that is started by UEFI: its loader reads
// another file than the harness does, which has to say the same.
func TestUpdateUEFI(t *testing.T) {
	s := newStory(t, boottest.Virt)
	good := makeRelease(t, variant{version: 1})
	s.uefi = true
	s.switchOn()
	s.awaitBox()
	s.pair()
	u := s.update(good.file)
	s.restarts("this system works, and is started from now on")
	if err := u.wait(t); err != nil {
		t.Fatal(err)
	}
	s.wantStarted(slots.B)
	s.cutPower()
	s.switchOn()
	s.awaitStatus()
	s.wantSystem(good.system.Version, control.Settled)
}

// TestCase56UpdateRefused: what no box is to run is refused, and the slot that does not run
// is not even written to, unless it takes all of a release to find out.
func TestCase56UpdateRefused(t *testing.T) {
	s := newStory(t, boottest.Virt)
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(s.dir, "their-keys")
	if out, err := exec.Command(filepath.Join(dir, "mkimage"), "release-keys", "-plain", "-o", theirs, "-name", keyName).CombinedOutput(); err != nil {
		t.Fatalf("mkimage release-keys: %v\n%s", err, out)
	}
	one := makeRelease(t, variant{version: 1, signers: []string{privateKey(keys(t), 2)}})
	foreign := makeRelease(t, variant{version: 1, signers: []string{privateKey(theirs, 1), privateKey(theirs, 2)}})
	old := makeRelease(t, variant{})
	good := makeRelease(t, variant{version: 1})
	text, err := os.ReadFile(good.file)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(text)
	changed[len(changed)-1000] ^= 1
	write := func(name string, text []byte) string {
		file := filepath.Join(s.dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	was := readBase(t).system
	s.switchOn()
	s.awaitBox()
	s.pair()
	before, err := s.readSlot(slots.B, len(good.root))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, file, says string
		code             int
		state            string
	}{
		{"truncated", write("truncated", text[:len(text)/2]), "this release has", 4, ""},
		{"signed by one key", one.file, "not signed by enough", 4, ""},
		{"signed by strangers of the same names", foreign.file, "not signed by enough", 4, ""},
		{"not newer", old.file, "not newer than what runs", 1, ""},
		{"changed on the way", write("changed", changed), "its hash is another", 1, "refused"},
	} {
		err := s.tryRun(nil, "", "coboxctl", "update", "-addr", s.addr, s.boxID(), tc.file)
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != tc.code || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("a release that is %s: %v; want code %d, %q", tc.name, err, tc.code, tc.says)
		}
		if tc.state == "" {
			s.wantSlot(slots.B, before)
		}
		s.wantSystem(was.Version, tc.state)
		s.wantStarted(slots.A)
	}
	s.cutPower()
	s.switchOn()
	s.awaitStatus()
	s.wantSystem(was.Version, "refused")
}

// TestCase58UpdateHangs: systems that hang, in each place where one can, are left again.
// With some it takes the watchdog or somebody who pulls the plug.
func TestCase58UpdateHangs(t *testing.T) {
	s := newStory(t, boottest.Virt)
	seeder := makeRelease(t, variant{version: 1, programs: map[string]string{"user/seederd": "hang"}})
	ends, hangs := makeRelease(t, all("crash")), makeRelease(t, all("hang"))
	was := readBase(t).system
	s.watchdog = true
	s.switchOn()
	s.awaitBox()
	s.pair()
	back := func(u updating, why string) {
		t.Helper()
		s.switchOn()
		s.await("seederd answers")
		if err := u.wait(t); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v; want %q", err, why)
		}
		s.wantStarted(slots.A)
		s.wantSystem(was.Version, control.RolledBack)
	}
	// Its seeder hangs: the first program notices.
	u := s.update(seeder.file, "-limit", "30s")
	s.restarts("a program that is there to hang")
	s.ends()
	back(u, "the seeder does not answer")

	// Its first program ends: the kernel starts the machine again.
	u = s.update(ends.file, "-limit", "30s")
	s.restarts("a program that is there to crash")
	s.ends()
	back(u, "did not come as far as its first program")

	// Its first program hangs: the watchdog starts the machine again.
	u = s.update(hangs.file, "-limit", "30s")
	s.restarts("a program that is there to hang")
	s.ends()
	back(u, "did not come as far as its first program")

	// Without a watchdog somebody has to switch the box off and on.
	s.watchdog = false
	s.cutPower()
	s.switchOn()
	s.awaitStatus()
	u = s.update(hangs.file, "-limit", "30s")
	s.restarts("a program that is there to hang")
	s.cutPower()
	back(u, "did not come as far as its first program")
}

// all is a system with nothing but bad programs: its first is enough.
func all(how string) variant {
	return variant{version: 1, programs: map[string]string{"gokrazy/init": how, "user/seederd": how, "user/provisiond": how}}
}

// TestCase57UpdatePowerCut: the power goes away while a release is written, and while it is
// on trial; then it is sent once more.
func TestCase57UpdatePowerCut(t *testing.T) {
	s := newStory(t, boottest.Virt)
	good := makeRelease(t, variant{version: 1})
	was := readBase(t).system
	s.switchOn()
	s.awaitBox()
	s.pair()

	u := s.update(good.file)
	s.awaitSlot(slots.B, good.root[:1<<20])
	s.cutPower()
	u.stop() // or it would send the release again by itself
	s.switchOn()
	s.await("seederd answers")
	s.wantStarted(slots.A)
	if sys := s.wantSystem(was.Version, "stopped"); !strings.Contains(sys.Update.Why, "switched off") {
		t.Errorf("the box says of the update %+v", sys.Update)
	}

	u = s.update(good.file)
	s.restarts("this system is on trial")
	s.cutPower()
	s.switchOn()
	s.await("seederd answers")
	if err := u.wait(t); err == nil || !strings.Contains(err.Error(), "ended before it had shown that it works") {
		t.Errorf("with a power cut in the trial: %v", err)
	}
	s.wantStarted(slots.A)
	s.wantSystem(was.Version, control.RolledBack)

	u = s.update(good.file)
	s.restarts("this system works, and is started from now on")
	if err := u.wait(t); err != nil {
		t.Fatal(err)
	}
	s.wantStarted(slots.B)
	s.wantSystem(good.system.Version, control.Settled)
}

// awaitSlot waits until a slot begins with something.
func (s *story) awaitSlot(slot int, with []byte) {
	s.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for by := s.within(); ; {
		got, err := s.readSlot(slot, len(with))
		switch {
		case err != nil:
			s.Fatal(err)
		case bytes.Equal(got, with):
			return
		}
		select {
		case <-tick.C:
		case <-by.Done():
			s.Fatal("the slot is not written to")
		}
	}
}
