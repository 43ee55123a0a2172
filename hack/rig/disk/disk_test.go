package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/appliance/datadisk"
	"cobox/appliance/disk"
	"cobox/appliance/ext4"
	"cobox/provision/control"
	"cobox/seeder/api"

	"golang.org/x/sys/unix"
)

// disks returns what the operator sees of the box's disks.
func (s *scene) disks() (d control.Disks) {
	s.t.Helper()
	must(s.t, json.Unmarshal([]byte(s.do("coboxctl", "", "disk", "-addr", s.addr, "-json")), &d))
	return d
}

// is waits until the data disk is in a state.
func (s *scene) is(want disk.State) {
	s.t.Helper()
	s.eventually("the data disk is "+string(want), time.Minute, func() error {
		out, errOut, err := s.run("coboxctl", "", "disk", "-addr", s.addr, "-json")
		if err != nil {
			return fmt.Errorf("%w: %s", err, errOut)
		}
		var d control.Disks
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			return err
		}
		if d.Data.State != want {
			return fmt.Errorf("it is %q: %s", d.Data.State, d.Data.Why)
		}
		return nil
	})
}

// refused expects that coboxctl disk adopt fails and says a word.
func (s *scene) refused(stdin, word string, args ...string) {
	s.t.Helper()
	_, errOut, err := s.run("coboxctl", stdin, append([]string{"disk", "adopt", "-addr", s.addr}, args...)...)
	if err == nil || !strings.Contains(errOut, word) {
		s.t.Errorf("disk adopt %v = %v, want %q in: %s", args, err, word, errOut)
	}
}

// The life of a data disk: adopted by the words that are printed on it, what is kept
// moves there, it is pulled, put back, and the box switched off and on.
func TestDataDisk(t *testing.T) {
	s := newScene(t)
	s.settle()
	s.restored()
	if out := s.do("coboxctl", "", "disk", "-addr", s.addr); !strings.Contains(out, "no disk is connected") {
		t.Errorf("without a disk: %s", out)
	}
	d := s.newDisk("sda", "KINGSTON DataTraveler", "4C530001")
	s.plug(d)
	s.refused("yes\n", "nothing was done")
	s.refused("", "has to be named", "-yes")
	s.refused("", "no disk with the serial number", "-yes", "-serial", "4C530002")
	before, err := s.seeder()
	must(t, err)
	s.do("coboxctl", d.text()+"\n", "disk", "adopt", "-addr", s.addr)
	s.onDisk()
	after, err := s.seeder()
	must(t, err)
	if after.Store.Feeds != before.Store.Feeds || after.Store.Blocks != before.Store.Blocks || after.Store.Blocks == 0 {
		t.Errorf("after the move the store is %+v, before it was %+v", after.Store, before.Store)
	}
	s.restored()
	if all := s.disks(); all.Data.State != disk.Here || !all.Disks[0].Mounted || all.Disks[0].Content != "ext4 ("+datadisk.Label+")" {
		t.Errorf("disks = %+v", all)
	}
	s.refused("", "is in use", "-yes", "-serial", d.serial)

	// More comes in, on the disk; then it is pulled.
	must(t, os.WriteFile(s.path("documents/file8"), noise(8, 1<<20), 0o644))
	s.do("cobox", "", "backup", "documents")
	s.pull(d)
	s.gone(d)

	// A disk with the same label in its place is not touched.
	other := s.newDisk("sdb", "KINGSTON DataTraveler", "4C530099")
	s.plug(other)
	must(t, ext4.Format(other.device, 0, diskSize, ext4.Options{Label: datadisk.Label, UUID: [16]byte{1}}))
	untouched := sum(t, other.file)
	s.is(disk.Wrong)
	s.gone(d)
	s.pull(other)
	if sum(t, other.file) != untouched {
		t.Error("a wrong disk was written to")
	}

	s.plug(d)
	s.is(disk.Here)
	s.onDisk()
	s.restored()
	s.audited("passed")

	// The box's own power: with the disk, and without.
	s.switchOff()
	s.switchOn()
	s.is(disk.Here)
	s.restored()
	s.switchOff()
	must(t, os.Remove(s.path("sys/block", d.name)))
	must(t, os.Remove(s.path("dev", d.name)))
	d.detach()
	s.switchOn()
	s.gone(d)
	s.plug(d)
	s.onDisk()
	s.restored()
	s.check(d)
}

// gone expects that the box says in all places that its disk is gone, and writes nothing.
func (s *scene) gone(d *loop) {
	s.t.Helper()
	s.eventually("the seeder is without its store", time.Minute, func() error {
		st, err := s.seeder()
		if err == nil && !strings.Contains(st.Store.Trouble, "not there") {
			err = fmt.Errorf("it says %q", st.Store.Trouble)
		}
		return err
	})
	s.eventually("the operator reads it", time.Minute, func() error {
		out, errOut, err := s.run("coboxctl", "", "status", "-addr", s.addr)
		if err != nil {
			return fmt.Errorf("%w: %s", err, errOut)
		}
		for _, want := range []string{"the data disk (" + d.model, "it is without its store", "FAILED  disk"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("coboxctl status does not say %q:\n%s", want, out)
			}
		}
		return nil
	})
	if f := s.figures(); f.Store.Trouble != api.StoreGone { // cobox_store_open is 0 then
		s.t.Errorf("the figures of the store are %+v", f.Store)
	}
	if _, errOut, err := s.run("cobox", "", "pins", s.addr); err == nil || !strings.Contains(errOut, "data disk") {
		s.t.Errorf("the partner's pins: %v, %s", err, errOut)
	}
	out, errOut, _ := s.run("cobox", "", "status")
	if !strings.Contains(out+errOut, "data disk") {
		s.t.Errorf("cobox status does not say why: %s%s", out, errOut)
	}
	s.audited("disk gone")
	if err := os.WriteFile(filepath.Join(s.at(), "x"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		s.t.Errorf("in the place of the disk can be written: %v", err)
	}
	if names := s.onCard(); len(names) != 1 {
		s.t.Errorf("on the card there is %v", names)
	}
}

// figures are what the box's metrics are made of.
func (s *scene) figures() (f api.Figures) {
	s.t.Helper()
	resp, err := api.SocketClient(api.SocketPath(s.path("box"))).Get("http://box/v1/figures")
	must(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	must(s.t, api.ReadAnswer(resp, 1<<20, &f))
	return f
}

// audited expects that the partner's audit says a word.
func (s *scene) audited(word string) {
	s.t.Helper()
	out, errOut, _ := s.run("cobox", "", "audit", "documents")
	if !strings.Contains(out+errOut, word) {
		s.t.Errorf("cobox audit does not say %q: %s%s", word, out, errOut)
	}
}

func sum(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("sha256sum", path).Output()
	must(t, err)
	return string(out[:64])
}

// check asks e2fsck whether the disk's file system is sound.
func (s *scene) check(d *loop) {
	s.t.Helper()
	s.switchOff()
	must(s.t, os.Remove(s.path("sys/block", d.name)))
	must(s.t, os.Remove(s.path("dev", d.name)))
	d.detach()
	// The first replays the journal, and may add what is missing of a file system that no
	// mke2fs has made; it ends with 1 then. The second has nothing to say.
	out, _ := exec.Command("e2fsck", "-fp", d.file).CombinedOutput()
	if again, err := exec.Command("e2fsck", "-fn", d.file).CombinedOutput(); err != nil {
		s.t.Errorf("e2fsck: %v\n%s%s", err, out, again)
	}
}

// A disk that holds data is refused, by coboxctl and by the box itself; erased when
// the operator says so.
func TestDiskWithData(t *testing.T) {
	s := newScene(t)
	s.settle()
	d := s.newDisk("sda", "SanDisk Ultra", "AA0001")
	s.plug(d)
	must(t, ext4.Format(d.device, 0, diskSize, ext4.Options{Label: "photos"}))
	before := sum(t, d.file)
	s.refused(d.text()+"\n", "ext4 (photos)")
	if sum(t, d.file) != before {
		t.Fatal("a refused disk was written to")
	}
	s.do("coboxctl", d.text()+"\n", "disk", "adopt", "-force", "-addr", s.addr)
	s.onDisk()
	s.restored()
}

// The power goes away at any moment of a move: what is kept is kept, and it goes on.
func TestPowerCutInMove(t *testing.T) {
	s := newScene(t)
	s.settle()
	d := s.newDisk("sda", "SanDisk Ultra", "AA0002")
	s.plug(d)
	s.do("coboxctl", "", "disk", "adopt", "-yes", "-serial", d.serial, "-addr", s.addr)
	for i := range 12 {
		// Each time a little later, from before the first byte to after the last.
		watched := s.watch(i)
		s.cut()
		t.Logf("cut off %d with %s", i, watched)
		s.switchOn()
	}
	s.onDisk()
	s.restored()
	s.audited("passed")
	s.check(d)
}

// cut ends all at once, and has the disk lose what was not written.
func (s *scene) cut() {
	s.t.Helper()
	s.seederd.kill()
	s.provisiond.kill()
	if dir, err := os.Open(s.at()); err == nil {
		_ = unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noFlush) // where nothing is mounted there is nothing to lose
		_ = dir.Close()
	}
	s.unmountAll()
}

// watch waits for what a move leaves on the way, one thing for each i, or until the
// move is over. It returns what there was.
func (s *scene) watch(i int) string {
	places := []string{"cobox", "cobox/moving", "cobox/moving/feeds", "cobox/moving/index", "cobox/store"}
	what := places[i%len(places)]
	found := "nothing"
	s.eventually("the move gets anywhere", time.Minute, func() error {
		if _, err := os.Stat(filepath.Join(s.at(), what)); err == nil {
			found = what
			return nil
		}
		if names := s.onCard(); len(names) == 1 {
			found = "the whole store moved"
			return nil
		}
		return fmt.Errorf("there is no %s", what)
	})
	return found
}

// unplug takes a disk away that nobody uses.
func (s *scene) unplug(d *loop) {
	s.t.Helper()
	must(s.t, os.Remove(s.path("sys/block", d.name)))
	must(s.t, os.Remove(s.path("dev", d.name)))
	d.detach()
}

// on waits until the store is open on a disk, and nothing is left to be done.
func (s *scene) on(d *loop) {
	s.t.Helper()
	s.eventually("the store is on "+d.text(), 2*time.Minute, func() error {
		var all control.Disks
		out, errOut, err := s.run("coboxctl", "", "disk", "-addr", s.addr, "-json")
		if err != nil {
			return fmt.Errorf("%w: %s", err, errOut)
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			return err
		}
		if all.Data.State != disk.Here || !strings.Contains(all.Data.Disk, d.serial) || all.Data.Next != nil {
			return fmt.Errorf("the data disk is %+v", all.Data)
		}
		return nil
	})
	s.onDisk()
}

// blank waits until a disk is blank.
func (s *scene) blank(d *loop) {
	s.t.Helper()
	s.eventually(d.text()+" is blank", time.Minute, func() error {
		for _, found := range s.disks().Disks {
			if found.Serial == d.serial && found.Blank() {
				return nil
			}
		}
		return fmt.Errorf("it is not")
	})
}

// A box moves from one data disk to another, and on to a third with its power cut at
// moments of the move. Each disk that it leaves is blank.
func TestAnotherDisk(t *testing.T) {
	s := newScene(t)
	s.settle()
	first := s.adopted("AA0011")
	before, err := s.seeder()
	must(t, err)

	second := s.newDisk("sdb", "Samsung T7", "BB0012")
	s.plug(second)
	s.refused("", "is in use", "-yes", "-serial", first.serial)
	out := s.do("coboxctl", second.text()+"\n", "disk", "adopt", "-serial", second.serial, "-addr", s.addr)
	if !strings.Contains(out, "leave SanDisk Ultra, serial AA0011") {
		t.Errorf("disk adopt of a second disk says: %s", out)
	}
	s.on(second)
	s.blank(first)
	if after, err := s.seeder(); err != nil || after.Store.Blocks != before.Store.Blocks || after.Store.Blocks == 0 {
		t.Errorf("after the move the store is %+v (%v), before it was %+v", after.Store, err, before.Store)
	}
	s.restored()
	s.audited("passed")
	s.unplug(first)

	third := s.newDisk("sdc", "Crucial X9", "CC0013")
	s.plug(third)
	s.do("coboxctl", "", "disk", "adopt", "-yes", "-serial", third.serial, "-addr", s.addr)
	for i := range 6 {
		t.Logf("cut off %d with %s", i, s.watchNext(i))
		s.cut()
		s.switchOn()
	}
	s.on(third)
	s.blank(second)
	s.restored()
	s.check(third)
}

// A copy of the data disk, made by hand, is connected while the box moves to another
// one: neither it nor the disk is made blank, until it is clear which is which.
func TestCopiedDisk(t *testing.T) {
	s := newScene(t)
	s.settle()
	first := s.adopted("AA0011")
	copied := s.newDisk("sdd", "Intenso", "DD0014")
	out, err := exec.Command("cp", "--sparse=always", first.file, copied.file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.plug(copied)
	second := s.newDisk("sdb", "Samsung T7", "BB0012")
	s.plug(second)
	s.do("coboxctl", "", "disk", "adopt", "-yes", "-serial", second.serial, "-addr", s.addr)
	s.on(second)
	s.eventually("the box says that there are copies", time.Minute, func() error {
		if !strings.Contains(s.provisiond.log.String(), "there are copies of it") {
			return errors.New("it does not")
		}
		return nil
	})
	for _, d := range s.disks().Disks {
		if (d.Serial == first.serial || d.Serial == copied.serial) && d.Blank() {
			t.Errorf("%s was made blank", d.Text())
		}
	}
	s.unplug(copied)
	s.blank(first)
	s.restored()
}

// watchNext waits for what a move to another disk leaves on the way, one thing for each
// i, or until it is over. It returns what there was.
func (s *scene) watchNext(i int) (found string) {
	places := []string{"cobox", "cobox/moving", "cobox/moving/feeds", "cobox/moving/index", "cobox/store"}
	what := places[i%len(places)]
	s.eventually("the move gets anywhere", time.Minute, func() error {
		if _, err := os.Stat(filepath.Join(s.at()+"-next", what)); err == nil {
			found = what
			return nil
		}
		if st, err := s.seeder(); err == nil && st.Store.Trouble == "" && st.Store.Blocks > 0 && i > len(places) {
			found = "a store that is open"
			return nil
		}
		if text, err := os.ReadFile(s.path("box/own/data-disk.json")); err == nil && !strings.Contains(string(text), "next") {
			found = "the disks changed"
			return nil
		}
		return fmt.Errorf("there is no %s", what)
	})
	return found
}

// A disk that is gone for good is given up by its operator, in words that are on it. The
// box begins anew, another disk is adopted, and the partner backs up again; the lost one,
// should it come back, is a stranger.
func TestGoneForGood(t *testing.T) {
	s := newScene(t)
	s.settle()
	d := s.adopted("AA0021")
	gone := func(stdin, word string, args ...string) {
		t.Helper()
		out, errOut, err := s.run("coboxctl", stdin, append([]string{"disk", "gone", "-addr", s.addr}, args...)...)
		if (err == nil) != (word == "") || !strings.Contains(errOut, word) {
			t.Fatalf("disk gone %v = %v, want %q in: %s%s", args, err, word, out, errOut)
		}
	}
	gone(d.text()+"\n", "is there")
	s.pull(d)
	s.gone(d)
	other := s.newDisk("sdb", "Samsung T7", "BB0022")
	s.plug(other)
	s.refused("", "disk gone", "-yes", "-serial", other.serial)
	gone("yes\n", "nothing was done")
	gone("", "not one with the serial number", "-yes", "-serial", "BB0022")
	gone(d.text()+"\n", "")
	s.is(disk.None)
	s.eventually("the box has an empty store on its card", time.Minute, func() error {
		st, err := s.seeder()
		if err == nil && (st.Store.Trouble != "" || st.Store.Blocks > 0) {
			err = fmt.Errorf("the store is %+v", st.Store)
		}
		return err
	})
	// The lost disk comes back: nothing of it counts.
	s.plug(d)
	s.do("coboxctl", "", "disk", "adopt", "-yes", "-serial", other.serial, "-addr", s.addr)
	s.on(other)
	// A computer keeps no blocks that a box has: what no other box has is backed up anew.
	s.do("cobox", "", "space", "create", "again", s.path("documents"))
	s.do("cobox", "", "pin", "again", s.addr)
	s.do("cobox", "", "backup", "again")
	s.restoredFrom("again")
}
