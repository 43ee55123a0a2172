package netns

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// boxMemory is what TestCase55Memory gives both daemons of a box together.
const boxMemory = 128 << 20

// A memoryGroup is a control group with bounded memory, of either version.
type memoryGroup struct{ dir, kills string }

// newMemoryGroup makes one. Where that is not possible the test fails: a machine
// with network namespaces has control groups too.
func newMemoryGroup(t *testing.T, limit int) memoryGroup {
	t.Helper()
	g := memoryGroup{kills: "memory.events"}
	root, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err == nil { // version 1
		root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		g.kills = "memory.oom_control"
	} else if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
		t.Fatalf("control groups for memory: %v", err)
	}
	var err error
	if g.dir, err = os.MkdirTemp(root, "cobox-test-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // runs when the daemons in it have ended
		if err := os.Remove(g.dir); err != nil {
			t.Errorf("removing the control group: %v", err)
		}
	})
	if err := os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.Itoa(limit)), 0); err != nil {
		t.Fatal(err)
	}
	return g
}

// killed returns how many processes of the group the kernel has ended for want of memory.
func (g memoryGroup) killed(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.kills))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "oom_kill %d", &n); err == nil {
			return n
		}
	}
	t.Fatalf("%s does not tell of oom_kill:\n%s", g.kills, text)
	return 0
}

// TestCase55Memory has a box of 128 MiB take in and give out more than that: it stays
// within, and is the same process at the end.
func TestCase55Memory(t *testing.T) {
	needNetns(t)
	const megabytes = 160
	w := newWorld(t)
	group := newMemoryGroup(t, boxMemory)
	on := w.neighbour("box", ipv4)
	on.group = group.dir
	b := on.newBox()
	at := "/ip4/" + b.ip + "/tcp/4001/p2p/" + b.id
	ada := w.neighbour("operator", ipv4).person("coboxctl", "")
	until(t, "pairing", func() error { return ada.try(nil, b.code, "pair", "-addr", at) })
	var invite struct{ Invite string }
	ada.do(&invite, "", "invite", "-partner", "Food Coop", "-quota", "1GB")
	coop := w.neighbour("partner", ipv4).person("cobox", "")
	coop.do(nil, "", "init", "-yes")
	coop.do(nil, invite.Invite, "accept", "-addr", at)
	source, want := randomFolder(t, megabytes)
	coop.do(nil, "", "space", "create", "docs", source)
	coop.do(nil, "", "pin", "docs", at)
	before, err := b.status()
	if err != nil {
		t.Fatal(err)
	}
	coop.do(nil, "", "backup", "docs")

	restored := filepath.Join(t.TempDir(), "restored")
	coop.do(nil, "", "restore", "-space", "docs", restored)
	if got, err := os.ReadFile(filepath.Join(restored, "data")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the restored file differs (%v)", err)
	}
	after, err := b.status()
	if err != nil {
		t.Fatal(err)
	}
	if !after.Started.Equal(before.Started) {
		t.Errorf("the box was started at %v and again at %v", before.Started, after.Started)
	}
	if n := group.killed(t); n > 0 {
		t.Errorf("the kernel ended %d processes for want of memory", n)
	}
}
