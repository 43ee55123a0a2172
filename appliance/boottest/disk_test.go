package boottest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cobox/appliance/boottest"
	"cobox/appliance/disk"
	"cobox/provision/control"
)

// TestDataDisk: a USB disk is adopted by a booted box, pulled out while it runs, and
// put back; what is backed up comes back from it.
func TestDataDisk(t *testing.T) {
	s := newStory(t, boottest.Virt)
	stick := filepath.Join(s.dir, "stick")
	if err := os.WriteFile(stick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(stick, 1200<<20); err != nil {
		t.Fatal(err)
	}
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
