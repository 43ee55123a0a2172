package boottest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cobox/appliance/boottest"
	"cobox/appliance/perm"
	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/seeder/pin"
)

// TestMovedCard: a card in another board, and its copy in the first, are told apart;
// the one that was moved keeps out of sight until the operator decides (case 23).
func TestMovedCard(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.switchOn()
	s.awaitBox()
	s.pair()
	at := s.status().Authority.Board
	s.cutPower()

	s.mac = "50:54:00:12:34:57" // by which a virtual board is known
	s.switchOn()
	s.awaitStatus()
	st := s.status().Authority
	if !st.Passive || st.Board == at || len(st.Troubles) != 1 || !strings.Contains(st.Troubles[0], "coboxctl board -accept") {
		t.Fatalf("in another board the box says %+v; before it was on %s", st, at)
	}
	var said struct{ Passive bool }
	s.run(&said, "", "coboxctl", "board", "-addr", s.addr)
	if !said.Passive {
		t.Error("coboxctl board does not say that the box is passive")
	}
	if err := s.tryRun(nil, "", "coboxctl", "set", "-addr", s.addr, "hypercore", "on"); err != nil {
		t.Errorf("a passive box does not take its operator's orders: %v", err)
	}
	s.run(nil, "", "coboxctl", "board", "-accept", "-addr", s.addr)
	if err := s.guest.Wait(); err != nil { // it starts anew, which ends QEMU
		t.Fatal(err)
	}
	s.switchOn()
	s.awaitStatus()
	if st := s.status().Authority; st.Passive || len(st.Troubles) > 0 {
		t.Errorf("after the operator's word the box says %+v", st)
	}
}

// TestDamagedCard: a /perm that the kernel found damage in is not written to, and
// the box says so to its operator instead of being silent, or empty.
func TestDamagedCard(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.switchOn()
	s.awaitBox()
	s.pair()
	s.cutPower()
	// The next start replays the journal: a card that is read without its journal
	// shows what was there before, which must not be from before the pairing.
	s.switchOn()
	s.awaitStatus()
	s.cutPower()
	at := permOf(t, s.card.File)
	noteDamage(t, s.card.File, at)
	before := sum(t, s.card.File, at)
	s.switchOn()
	s.awaitStatus()
	st := s.status().Authority
	if st.Role != "owner" || !st.Passive || len(st.Troubles) == 0 || !strings.Contains(st.Troubles[0], "e2fsck") {
		t.Errorf("with a damaged card the box says %+v", st)
	}
	if err := s.tryRun(nil, "", "coboxctl", "rename", "-addr", s.addr, "attic"); err == nil {
		t.Error("it takes an order that it cannot keep")
	}
	s.cutPower()
	if sum(t, s.card.File, at) != before {
		t.Error("the damaged file system was written to")
	}
}

// TestUnreadableCard: a box whose /perm cannot be read at all says so to whoever looks
// for it, and makes no new one over it.
func TestUnreadableCard(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.switchOn()
	s.awaitBox()
	s.cutPower()
	at := permOf(t, s.card.File)
	f, err := os.OpenFile(s.card.File, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 4096), at)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	before := sum(t, s.card.File, at)
	s.switchOn()
	s.await("the page says what is wrong")
	var text []byte
	for text == nil {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", s.guest.Ports()["tcp/80"]))
		if err == nil {
			text, err = io.ReadAll(resp.Body)
			err = errors.Join(err, resp.Body.Close())
		}
		if s.within().Err() != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(text), "partition 4 holds no ext4 file system") {
		t.Errorf("the page says %s", text)
	}
	s.cutPower()
	if sum(t, s.card.File, at) != before {
		t.Error("the card was written to")
	}
}

// TestResetCard: a reset card that somebody has put on the boot volume makes the box
// nobody's, once, however often it is found; half of one does nothing.
func TestResetCard(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.switchOn()
	s.awaitBox()
	s.pair()
	s.cutPower()

	l, err := boottest.NewLabel()
	if err != nil {
		t.Fatal(err)
	}
	reset := provision.ResetCard{Mode: chain.Reowner, Card: provision.Card{Claim: l.Code.Claim().Public(), Tag: l.Tag}}
	if _, err := io.ReadFull(rand.Reader, reset.ID[:]); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.dir, "reset")
	if err := provision.WriteResetCard(file, reset); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.card.File, text[:len(text)/2])
	s.switchOn()
	s.await("a reset card is not applied")
	s.awaitStatus()
	if st := s.status().Authority; st.Role != "owner" {
		t.Errorf("after half a reset card the box says %+v", st)
	}
	s.cutPower()

	put(t, s.card.File, text)
	s.switchOn()
	s.await("a reset card was applied: the box has a new code")
	s.awaitBox()
	if err := s.tryRun(nil, "", "coboxctl", "status", "-addr", s.addr); err == nil {
		t.Error("after the reset the old owner still asks")
	}
	s.card.Label = l
	s.pair() // the same person, with the new label
	s.cutPower()

	put(t, s.card.File, text)
	s.switchOn()
	s.await("a reset card was applied before")
	s.awaitStatus()
	if st := s.status().Authority; st.Role != "owner" {
		t.Errorf("the same reset card again has taken the box away: %+v", st)
	}
}

// TestFullCard: when /perm is full, whatever with, the box says no to what comes, keeps
// what it has, and its owner can still give orders. It goes on when there is room.
func TestFullCard(t *testing.T) {
	s := newStory(t, boottest.Virt)
	x := newSender(s)
	s.switchOn()
	s.awaitBox()
	x.own(1 << 30)
	box := x.connect()
	x.sendUntil(box, 100)
	s.cutPower()
	x.host.ClosePeer(peerOf(t, box.ID()))

	const left = 2 << 20 // bytes
	fillPerm(t, s.card.File, left)
	s.switchOn()
	s.awaitBox()
	box = x.connect()
	x.verify(box, 0)
	kept := x.receipt
	ctx, cancel := context.WithCancel(s.within())
	sent := make(chan struct{})
	go func() { _ = x.send(ctx, box, 64); close(sent) }()
	x.try("having the box say no", func(ctx context.Context) error {
		pins, err := box.Pins(ctx)
		if err == nil && (len(pins) != 1 || pins[0].State != pin.OverQuota) {
			err = fmt.Errorf("the pins are %+v", pins)
		}
		return err
	})
	cancel()
	<-sent
	if x.receipt != kept {
		t.Errorf("a full box gave a receipt for %d blocks, and had %d", x.receipt, kept)
	}
	seq := x.grant(2 << 30)
	s.cutPower()
	x.host.ClosePeer(peerOf(t, box.ID()))

	emptyPerm(t, s.card.File)
	s.switchOn()
	s.awaitBox()
	x.asOperator("asking for the order", func(ctx context.Context, c control.Client) error {
		state, err := c.State(ctx)
		if err == nil && state.Chain.Seq != seq {
			t.Errorf("after order %d, given on a full card, the box is at %d", seq, state.Chain.Seq)
		}
		return err
	})
	box = x.connect()
	x.sendUntil(box, kept+100)
	x.verify(box, 0)
}

// TestCase59UpdatePorts: on a box that runs nothing of gokrazy's own way of updates answers. The
// page's port knows none of its addresses, its other ports are closed, and the socket
// that root has is all that it listens on (that seederd does not get there,
// TestCase59SocketOutOfReach shows, and TestFirstBoot that it is that user on a box).
func TestCase59UpdatePorts(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.switchOn()
	s.awaitBox()
	open, err := s.guest.Scan(s.within())
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{boottest.PortPage, boottest.PortSwarm}; !slices.Equal(open, want) {
		t.Errorf("the box listens at %v, want %v", open, want)
	}
	for _, path := range []string{"/update/root", "/update/boot", "/update/mbr", "/update/testboot", "/update/switch", "/update/features", "/reboot", "/poweroff", "/log"} {
		for method, want := range map[string]int{http.MethodGet: http.StatusNotFound, http.MethodPut: http.StatusMethodNotAllowed, http.MethodPost: http.StatusMethodNotAllowed} {
			req, err := http.NewRequestWithContext(s.within(), method, fmt.Sprintf("http://127.0.0.1:%d%s", s.guest.Ports()["tcp/80"], path), strings.NewReader("squashfs"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
				t.Errorf("%s %s: %s, %v, want %d", method, path, resp.Status, err, want)
			}
		}
	}
	text := s.guest.Console()
	for line := range strings.Lines(text) {
		if _, where, ok := strings.Cut(line, "now listening on "); ok && strings.TrimSpace(where) != gokrazySocket {
			t.Errorf("gokrazy listens on %s", where)
		}
	}
}

// gokrazySocket is the one place where gokrazy is asked for anything.
const gokrazySocket = "/run/gokrazy-http.sock"

// TestCase65BoxPorts looks at a box from outside: in each state the TCP ports that answer are
// those that the README lists (case 65).
func TestCase65BoxPorts(t *testing.T) {
	s := newStory(t, boottest.Virt)
	s.switchOn()
	s.awaitBox()
	want := func(state string, ports ...int) {
		t.Helper()
		open, err := s.guest.Scan(s.within())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(open, ports) {
			t.Errorf("%s, a box listens at %v, and should at %v", state, open, ports)
		}
	}
	want("nobody's", boottest.PortPage, boottest.PortSwarm)
	s.pair()
	want("with an owner", boottest.PortPage, boottest.PortSwarm)
	s.run(nil, "", "coboxctl", "set", "-addr", s.addr, "hypercore", "on")
	s.await("Hypercore peers are served")
	want("with Hypercore on", boottest.PortPage, boottest.PortSwarm, boottest.PortHypercore)
}

// filler is a file that takes up room on /perm.
const filler = "filler"

// fillPerm takes all room of a card's /perm but for some bytes, that of root included.
func fillPerm(t *testing.T, card string, left int64) {
	t.Helper()
	file := takePerm(t, card)
	const block = 4096
	var free int64
	for line := range strings.Lines(tool(t, "debugfs", "-R", "stats -h", file)) {
		if n, ok := strings.CutPrefix(line, "Free blocks:"); ok {
			var err error
			if free, err = strconv.ParseInt(strings.TrimSpace(n), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	take := free - left/block
	if take <= 0 {
		t.Fatalf("/perm has %d free blocks", free)
	}
	debug(t, file, "write /dev/null "+filler, fmt.Sprintf("fallocate %s 0 %d", filler, take-1), fmt.Sprintf("set_inode_field %s size %d", filler, take*block))
	putPerm(t, card, file)
}

// emptyPerm gives the room back.
func emptyPerm(t *testing.T, card string) {
	t.Helper()
	file := takePerm(t, card)
	debug(t, file, "rm "+filler)
	putPerm(t, card, file)
}

// debug changes a file system that is not mounted, and checks it.
func debug(t *testing.T, file string, commands ...string) {
	t.Helper()
	for _, c := range commands {
		tool(t, "debugfs", "-w", "-R", c, file)
	}
	tool(t, "e2fsck", "-f", "-n", file)
}

// takePerm copies a card's /perm into a file of its own. After a power cut its journal
// is replayed there, and all has to be well then.
func takePerm(t *testing.T, card string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "perm")
	in, at := openPerm(t, card)
	defer func() { _ = in.Close() }()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Truncate(at.Size), copyDiffering(out, io.NewSectionReader(in, at.Start, at.Size), 0, at.Size), out.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("e2fsck", "-p", file).CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == 1 { // it put something in order
		err = nil
	}
	if err != nil {
		t.Fatalf("e2fsck -p: %v: %s", err, text)
	}
	tool(t, "e2fsck", "-f", "-n", file)
	return file
}

// putPerm copies a /perm back onto its card.
func putPerm(t *testing.T, card, file string) {
	t.Helper()
	out, at := openPerm(t, card)
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if err := errors.Join(copyDiffering(out, in, at.Start, at.Size), out.Close()); err != nil {
		t.Fatal(err)
	}
}

// copyDiffering copies size bytes to a place in a file, where they differ from what is there.
func copyDiffering(to *os.File, from io.ReaderAt, at, size int64) error {
	old, now := make([]byte, 1<<20), make([]byte, 1<<20)
	for done := int64(0); done < size; done += int64(len(now)) {
		n := min(int64(len(now)), size-done)
		if _, err := from.ReadAt(now[:n], done); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := to.ReadAt(old[:n], at+done); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if bytes.Equal(now[:n], old[:n]) {
			continue
		}
		if _, err := to.WriteAt(now[:n], at+done); err != nil {
			return err
		}
	}
	return nil
}

// tool runs a program of this computer.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// put puts a reset card, or what is left of one, on a card's boot volume.
func put(t *testing.T, card string, text []byte) {
	t.Helper()
	if err := boottest.PutReset(card, text); err != nil {
		t.Fatal(err)
	}
}

// permOf returns where /perm begins on a card, in bytes.
func permOf(t *testing.T, card string) int64 {
	t.Helper()
	f, at := openPerm(t, card)
	_ = f.Close()
	return at.Start
}

// openPerm opens a card, and returns where /perm lies on it.
func openPerm(t *testing.T, card string) (*os.File, perm.Extent) {
	t.Helper()
	f, err := os.OpenFile(card, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := perm.ReadTable(f, cardSize)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := table.Partition(perm.Number)
	if !ok {
		t.Fatal("the card has no /perm")
	}
	return f, at
}

// noteDamage writes into the super block of the ext4 at a place in a file what the
// kernel writes there when it has found damage.
func noteDamage(t *testing.T, file string, at int64) {
	t.Helper()
	const (
		super, size     = 1024, 1024
		state, errorsIn = 0x3a, 2
		checksum        = 0x3fc
	)
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, at+super); err != nil {
		t.Fatal(err)
	}
	b[state] |= errorsIn
	binary.LittleEndian.PutUint32(b[checksum:], ^crc32.Checksum(b[:checksum], crc32.MakeTable(crc32.Castagnoli)))
	_, err = f.WriteAt(b, at+super)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// sum is over a file from a place on.
func sum(t *testing.T, file string, from int64) [sha256.Size]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, from, cardSize-from)); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
