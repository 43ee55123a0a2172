package boottest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/boottest"
	"cobox/appliance/disk"
	"cobox/appliance/health"
	"cobox/provision/control"
)

// TestDataDisk: a USB disk is adopted by a booted box, pulled out while it runs, and
// put back; what is backed up comes back from it.
func TestDataDisk(t *testing.T) {
	s := newStory(t, boottest.Virt)
	stick := s.blank("stick")
	s.disks = []string{stick}
	s.switchOn()
	s.awaitBox()
	s.pair()
	s.becomePartner()
	folder := filepath.Join(s.dir, "documents")
	fill(t, folder, 20, 100_000)
	s.run(nil, "", "cobox", "space", "create", "documents", folder)
	s.run(nil, "", "cobox", "pin", "documents", s.addr)
	s.run(nil, "", "cobox", "backup", "documents")

	var all control.Disks
	s.run(&all, "", "coboxctl", "disk", "-addr", s.addr)
	if len(all.Disks) != 1 || all.Disks[0].Kind != "usb" || all.Disks[0].Serial != "stick0" || !all.Disks[0].Blank() {
		t.Fatalf("disks of a box with a USB disk: %+v", all)
	}
	s.run(nil, "", "coboxctl", "disk", "adopt", "-yes", "-serial", "stick0", "-addr", s.addr)
	s.awaitStore("")
	restored := filepath.Join(s.dir, "restored")
	s.run(nil, "", "cobox", "restore", "-space", "documents", restored)
	same(t, folder, restored)

	if err := s.guest.Unplug(0); err != nil {
		t.Fatal(err)
	}
	s.awaitStore(disk.Gone)
	if st := s.status(); st.Seeder.Store.Blocks > 0 || len(st.Authority.Troubles) == 0 {
		t.Errorf("with the disk pulled: %+v", st)
	}
	if err := s.guest.Plug(0, stick); err != nil {
		t.Fatal(err)
	}
	s.awaitStore("")
	again := filepath.Join(s.dir, "again")
	s.run(nil, "", "cobox", "restore", "-space", "documents", again)
	same(t, folder, again)
}

// blank makes the file of a blank disk.
func (s *story) blank(name string) string {
	s.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Truncate(file, 1200<<20); err != nil {
		s.Fatal(err)
	}
	return file
}

// TestDiskHealth: of two NVMe disks one says that it has become unreliable. The operator
// sees it in the list of disks, in the box's health and in its metrics; the other disk
// becomes the data disk.
func TestDiskHealth(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.nvme = []boottest.NVMe{{File: s.blank("well")}, {File: s.blank("sick"), Warning: 4}}
	s.switchOn()
	s.awaitBox()
	s.pair()
	var all control.Disks
	for ctx := s.within(); ; {
		s.run(&all, "", "coboxctl", "disk", "-addr", s.addr)
		if len(all.Disks) == 2 && all.Disks[0].Smart != nil && all.Disks[1].Smart != nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("disks of a box with two NVMe disks: %+v", all)
		}
	}
	for i, d := range all.Disks {
		sick := d.Serial == "nvme1"
		if d.Kind != "nvme" || d.Smart.Failing == nil || *d.Smart.Failing != sick || d.Smart.Celsius == nil || d.Smart.PoweredOn == nil {
			t.Errorf("disk %d: %+v, which says of itself %+v", i, d, d.Smart)
		}
	}
	s.run(nil, "", "coboxctl", "disk", "adopt", "-yes", "-serial", "nvme0", "-addr", s.addr)
	s.awaitHealth(health.WearFailing)
	s.run(nil, "", "coboxctl", "set", "-addr", s.addr, "metrics-lan", "on")
	page := s.metrics()
	for _, want := range []string{
		`cobox_disk_failing{disk="nvme0n1"} 0`, `cobox_disk_failing{disk="nvme1n1"} 1`, `cobox_disk_temperature_celsius{disk="nvme0n1"} 50`,
		`cobox_disk_media_errors{disk="nvme0n1"} 0`, `cobox_disk_wear_ratio{disk="nvme0n1"} 0`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	t.Logf("what the box says of its disks: %s", said(page, "cobox_disk_"))
}

// said returns the lines of a page of metrics that begin with prefix.
func said(page, prefix string) (lines string) {
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, prefix) {
			lines += "\n\t" + strings.TrimSpace(line)
		}
	}
	return lines
}

// awaitHealth waits until the box has found something.
func (s *story) awaitHealth(want health.Finding) {
	s.Helper()
	for ctx := s.within(); ; {
		st := s.status()
		for _, c := range st.Health.Checks {
			if c.Finding == want {
				return
			}
		}
		if ctx.Err() != nil {
			s.Fatalf("the box has not found %s: %+v", want, st.Health)
		}
	}
}

// awaitStore waits until the store is open on the data disk, or until that is in another
// state.
func (s *story) awaitStore(state disk.State) {
	s.Helper()
	ctx := s.within()
	for {
		var all control.Disks
		var st standing
		err := s.tryRun(&all, "", "coboxctl", "disk", "-addr", s.addr)
		if err == nil {
			err = s.tryRun(&st, "", "coboxctl", "status", "-addr", s.addr)
		}
		switch {
		case err != nil:
		case state != "" && all.Data.State == state && st.Seeder.Store.Blocks == 0:
			return
		case state == "" && all.Data.State == disk.Here && st.Seeder.Store.Blocks > 0:
			return
		default:
			err = fmt.Errorf("the disk is %+v, the store %+v", all.Data, st.Seeder.Store)
		}
		if ctx.Err() != nil {
			s.Fatal(err)
		}
	}
}
