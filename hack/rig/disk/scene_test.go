package disk

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/hack/rig/programs"

	"golang.org/x/sys/unix"
)

var asked = flag.Bool("disks", false, "run the tests with loop devices, as root")

// bin is the folder with the programs, built once for all tests.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	if !*asked {
		return m.Run()
	}
	var err error
	bin, err = programs.Build()
	defer func() { _ = os.RemoveAll(bin) }()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// A scene is a box with its operator and a partner, and the disks that are plugged in.
type scene struct {
	t    *testing.T
	dir  string // short: a socket's path is bounded
	port int
	addr string // of the box

	provisiond, seederd *daemon
}

// A daemon is a program that is started again when it ends, as a box does it.
type daemon struct {
	stop func()
	kill func() // as the power does it: at once
	log  *programs.Output
}

func newScene(t *testing.T) *scene {
	t.Helper()
	if !*asked {
		t.Skip("needs loop devices and root: go test ./hack/rig/disk -disks")
	}
	dir, err := os.MkdirTemp("", "dd")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &scene{t: t, dir: dir, port: l.Addr().(*net.TCPAddr).Port}
	must(t, l.Close())
	for _, name := range []string{"sys/block", "dev", "home"} {
		must(t, os.MkdirAll(s.path(name), 0o755))
	}
	t.Cleanup(func() { s.unmountAll() })
	s.switchOn()
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *scene) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// at is where the box mounts its data disk.
func (s *scene) at() string { return s.path("mnt", "data") }

// switchOn starts the box.
func (s *scene) switchOn() {
	s.t.Helper()
	s.provisiond = s.start("provisiond", "-state", s.path("box"), "-disk", s.at(), "-sys", s.path("sys"), "-dev", s.path("dev"), "-metrics-lan", "127.0.0.1:0")
	s.startSeeder()
}

func (s *scene) startSeeder() {
	s.t.Helper()
	s.seederd = s.start("seederd", "-state", s.path("box"), "-authority", "-disk", s.at(),
		"-listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", s.port), "-mdns=off", "-dht=off", "-reserve", "1MB", "-scrub-rate", "0")
	s.eventually("the seeder answers", time.Minute, func() error {
		st, err := s.seeder()
		if err == nil && len(st.Addrs) == 0 {
			err = fmt.Errorf("it has no address")
		}
		if err == nil {
			s.addr = st.Addrs[0]
		}
		return err
	})
}

// switchOff pulls the box's own plug: the programs end at once, and what is mounted
// is gone as it is.
func (s *scene) switchOff() {
	s.t.Helper()
	s.seederd.kill()
	s.provisiond.kill()
	s.unmountAll()
}

// unmountAll takes away all that is mounted in the place of the data disk.
func (s *scene) unmountAll() {
	for unix.Unmount(s.at(), unix.MNT_DETACH) == nil {
	}
}

// seederStatus is what seederd says of itself.
type seederStatus struct {
	Addrs []string
	Store struct {
		Feeds, Blocks   uint64
		Trouble, Notice string
	}
}

func (s *scene) seeder() (st seederStatus, err error) {
	out, err := exec.Command(filepath.Join(bin, "seederd"), "-state", s.path("box"), "-status", "-json").Output()
	if err == nil {
		err = json.Unmarshal(out, &st)
	}
	return st, err
}

// start runs a program of the box until the test ends, or until it is stopped.
func (s *scene) start(name string, args ...string) *daemon {
	s.t.Helper()
	d := &daemon{log: new(programs.Output)}
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var running *os.Process
	graceful := true
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			c := exec.Command(filepath.Join(bin, name), args...)
			c.Stdout, c.Stderr = d.log, d.log
			if err := c.Start(); err != nil {
				fmt.Fprintln(d.log, err)
				return
			}
			mu.Lock()
			running = c.Process
			mu.Unlock()
			stop := context.AfterFunc(ctx, func() {
				mu.Lock()
				defer mu.Unlock()
				if graceful {
					_ = c.Process.Signal(unix.SIGTERM)
				} else {
					_ = c.Process.Kill()
				}
			})
			err := c.Wait()
			stop()
			fmt.Fprintf(d.log, "%s has ended: %v\n", name, err)
		}
	}()
	end := func(how bool) func() {
		return func() {
			mu.Lock()
			graceful = how
			mu.Unlock()
			cancel()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				mu.Lock()
				_ = running.Kill()
				mu.Unlock()
				<-ended
			}
		}
	}
	d.stop, d.kill = end(true), end(false)
	s.t.Cleanup(func() {
		d.stop()
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", name, d.log)
		}
	})
	return d
}

// run runs a program of a person.
func (s *scene) run(program, stdin string, args ...string) (out, errOut string, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
	c.Env = append(os.Environ(), "COBOXCTL_HOME="+s.path("home/operator"), "COBOX_HOME="+s.path("home/partner"))
	c.Stdin = strings.NewReader(stdin)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err = c.Run()
	return o.String(), e.String(), err
}

// do runs a program of a person, which has to work.
func (s *scene) do(program, stdin string, args ...string) string {
	s.t.Helper()
	out, errOut, err := s.run(program, stdin, args...)
	if err != nil {
		s.t.Fatalf("%s %v: %v\n%s", program, args, err, errOut)
	}
	return out
}

// eventually tries until it works.
func (s *scene) eventually(what string, limit time.Duration, try func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// settle pairs the box, gives a partner room on it, and backs a folder up.
func (s *scene) settle() {
	s.t.Helper()
	var label struct{ Code string }
	s.switchOff()
	must(s.t, json.Unmarshal([]byte(s.do("mkimage", "", "personalise", "-state", s.path("box"), "-png", s.path("label.png"), "-json")), &label))
	s.switchOn()
	s.eventually("pairing", time.Minute, func() error {
		_, errOut, err := s.run("coboxctl", label.Code+"\n", "pair", "-addr", s.addr)
		if err != nil {
			return fmt.Errorf("%w: %s", err, errOut)
		}
		return nil
	})
	var invite struct{ Invite string }
	must(s.t, json.Unmarshal([]byte(s.do("coboxctl", "", "invite", "-addr", s.addr, "-partner", "Food Coop", "-quota", "500MB", "-json")), &invite))
	s.do("cobox", "", "init", "-yes")
	s.do("cobox", invite.Invite+"\n", "accept", "-addr", s.addr)
	must(s.t, os.MkdirAll(s.path("documents"), 0o755))
	for i := range 8 {
		must(s.t, os.WriteFile(s.path("documents", fmt.Sprint("file", i)), noise(i, 1<<20), 0o644))
	}
	s.do("cobox", "", "space", "create", "documents", s.path("documents"))
	s.do("cobox", "", "pin", "documents", s.addr)
	s.do("cobox", "", "backup", "documents")
}

// noise is a file's content that does not compress.
func noise(seed, n int) []byte {
	b := make([]byte, n)
	x := uint64(seed)*2862933555777941757 + 3037000493
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 24)
	}
	return b
}

// restored expects that all of the folder comes back from the box.
func (s *scene) restored() {
	s.t.Helper()
	s.restoredFrom("documents")
}

func (s *scene) restoredFrom(space string) {
	s.t.Helper()
	to := s.path(fmt.Sprint("restored", time.Now().UnixNano()))
	s.do("cobox", "", "restore", "-space", space, to)
	for i := range 8 {
		var found bool
		must(s.t, filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Name() == fmt.Sprint("file", i) {
				got, err := os.ReadFile(path)
				must(s.t, err)
				found = bytes.Equal(got, noise(i, 1<<20))
			}
			return err
		}))
		if !found {
			s.t.Errorf("file%d does not come back as it was", i)
		}
	}
}

// A loop is a loop device, with what is printed on the disk that it stands for.
type loop struct {
	t             *testing.T
	file          string
	name          string // as the kernel of the scene calls it: sda
	model, serial string
	device        *os.File
}

const diskSize = 1200 << 20

// adopted plugs in a first disk, which the owner adopts, and waits until the box is on it.
func (s *scene) adopted(serial string) *loop {
	s.t.Helper()
	d := s.newDisk("sda", "SanDisk Ultra", serial)
	s.plug(d)
	s.do("coboxctl", d.text()+"\n", "disk", "adopt", "-addr", s.addr)
	s.on(d)
	return d
}

// newDisk makes a disk that is not plugged in.
func (s *scene) newDisk(name, model, serial string) *loop {
	s.t.Helper()
	d := &loop{t: s.t, file: s.path(serial + ".img"), name: name, model: model, serial: serial}
	must(s.t, os.WriteFile(d.file, nil, 0o600))
	must(s.t, os.Truncate(d.file, diskSize))
	s.t.Cleanup(func() {
		if d.device != nil {
			d.detach()
		}
	})
	return d
}

// text names the disk as coboxctl asks for it.
func (d *loop) text() string { return d.model + " " + d.serial }

// attach gives the disk a loop device.
func (d *loop) attach() {
	d.t.Helper()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	must(d.t, err)
	defer func() { _ = control.Close() }()
	file, err := os.OpenFile(d.file, os.O_RDWR, 0)
	must(d.t, err)
	defer func() { _ = file.Close() }()
	for { // somebody else may take the same one
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		must(d.t, err)
		path := fmt.Sprint("/dev/loop", n)
		if d.device, err = os.OpenFile(path, os.O_RDWR, 0); err != nil { // there is no udev
			must(d.t, unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, uint32(n)))))
			continue
		}
		err = unix.IoctlSetInt(int(d.device.Fd()), unix.LOOP_SET_FD, int(file.Fd()))
		if err == nil {
			return
		}
		_ = d.device.Close()
		if err != unix.EBUSY {
			must(d.t, err)
		}
	}
}

func (d *loop) detach() {
	_ = unix.IoctlSetInt(int(d.device.Fd()), unix.LOOP_CLR_FD, 0) // or when nobody uses it any more
	_ = d.device.Close()
	d.device = nil
}

// plug connects a disk: the kernel tells of it.
func (s *scene) plug(d *loop) {
	s.t.Helper()
	d.attach()
	var st unix.Stat_t
	must(s.t, unix.Fstat(int(d.device.Fd()), &st))
	sys := s.path("sys/devices/usb1", d.name)
	for name, text := range map[string]string{
		"dev": fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), "size": fmt.Sprint(diskSize / 512),
		"device/model": d.model, "device/serial": d.serial,
	} {
		must(s.t, os.MkdirAll(filepath.Dir(filepath.Join(sys, name)), 0o755))
		must(s.t, os.WriteFile(filepath.Join(sys, name), []byte(text+"\n"), 0o644))
	}
	must(s.t, os.Symlink(d.device.Name(), s.path("dev", d.name)))
	must(s.t, os.Symlink(sys, s.path("sys/block", d.name)))
}

// shutdown is ext4's ioctl for what it does by itself when its device has gone
// (EXT4_IOC_SHUTDOWN), and noFlush has it write nothing more.
const (
	shutdown = 0x8004587d
	noFlush  = 2
)

// pull disconnects a disk that may be in use.
func (s *scene) pull(d *loop) {
	s.t.Helper()
	if dir, err := os.Open(s.at()); err == nil {
		var st unix.Statfs_t
		if unix.Fstatfs(int(dir.Fd()), &st) == nil && st.Type == unix.EXT4_SUPER_MAGIC {
			must(s.t, unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noFlush))
		}
		_ = dir.Close()
	}
	must(s.t, os.Remove(s.path("sys/block", d.name)))
	must(s.t, os.Remove(s.path("dev", d.name)))
	s.eventually("the mount of the pulled disk goes", time.Minute, func() error {
		text, err := os.ReadFile("/proc/self/mountinfo")
		if err == nil && strings.Contains(string(text), d.device.Name()+" ") {
			err = fmt.Errorf("it is still mounted")
		}
		return err
	})
	d.detach()
	s.eventually("the loop device is let go", time.Minute, func() error {
		lists, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
		for _, name := range lists {
			if text, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(text)) == d.file {
				return fmt.Errorf("%s is still in use", name)
			}
		}
		return err
	})
}

// onCard returns what there is in the store's place on the card.
func (s *scene) onCard() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.path("box/store"))
	must(s.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// onDisk waits until the store has moved to the disk.
func (s *scene) onDisk() {
	s.t.Helper()
	s.eventually("the store is on the disk", 2*time.Minute, func() error {
		st, err := s.seeder()
		if err != nil {
			return err
		}
		if names := s.onCard(); !slices.Equal(names, []string{"on-data-disk.json"}) || st.Store.Trouble != "" {
			return fmt.Errorf("on the card there is %v; %s %s", names, st.Store.Trouble, st.Store.Notice)
		}
		return nil
	})
}
