package boottest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cobox/appliance/boottest"
	"cobox/appliance/health"
)

var (
	boot     = flag.Bool("boot", false, "boot boxes in QEMU; needs the packages of hack/setup-e2e boot")
	raspi    = flag.Bool("raspi", false, "boot a Raspberry Pi 3 in QEMU, too, which is slow")
	cuts     = flag.Int("cuts", 3, "how often the power is cut while data comes in")
	keep     = flag.String("keep", "", "leave what the boxes wrote to the console in this `folder`")
	imageDir = flag.String("images", "", "take images from this `folder`, as cobox-BOARD.img, instead of making them; and the folder keys in it, as mkimage release-keys -plain -name test.example makes it, with the public ones in the images")
)

// needBoot skips a test that boots a box, unless that was asked for.
func needBoot(t *testing.T) {
	t.Helper()
	if !*boot {
		t.Skip("boots a box in QEMU: go test ./appliance/boottest -boot")
	}
}

// cardSize is that of all cards: a power of two, as a Raspberry Pi in QEMU wants it.
const cardSize = 2 << 30

// tools is the folder with the programs of people, made once.
var tools = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cobox-boot-")
	if err != nil {
		return "", err
	}
	return dir, build(dir, "cobox/seeder/cmd/cobox", "cobox/provision/cmd/coboxctl", "cobox/image/cmd/mkimage")
})

func build(dir string, packages ...string) error {
	out, err := exec.Command("go", append([]string{"build", "-o", dir + "/"}, packages...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

var (
	imagesMu sync.Mutex
	images   = map[string]string{}
)

// image returns the image for a board, which is made once.
func image(t *testing.T, b boottest.Board) string {
	t.Helper()
	imagesMu.Lock()
	defer imagesMu.Unlock()
	if file := images[b.Image()]; file != "" {
		return file
	}
	name := "cobox-" + b.Image() + ".img"
	if *imageDir != "" {
		images[b.Image()] = filepath.Join(*imageDir, name)
		return images[b.Image()]
	}
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	began := time.Now()
	out, err := exec.Command(filepath.Join(dir, "mkimage"), "build", "-board", b.Image(), "-o", file, "-keys", filepath.Join(keys(t), "release-keys")).CombinedOutput()
	if err != nil {
		t.Fatalf("mkimage build: %v\n%s", err, out)
	}
	t.Logf("the image for %s was made in %v", b.Image(), time.Since(began).Round(time.Second))
	images[b.Image()] = file
	return file
}

// keysDir is where the private keys for releases are, beside the images.
const keysDir = "keys"

var makeKeys = sync.OnceValues(func() (string, error) {
	dir, err := tools()
	if err != nil || *imageDir != "" {
		return filepath.Join(*imageDir, keysDir), err
	}
	keys := filepath.Join(dir, keysDir)
	out, err := exec.Command(filepath.Join(dir, "mkimage"), "release-keys", "-plain", "-o", keys, "-name", keyName).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("mkimage release-keys: %w\n%s", err, out)
	}
	return keys, err
})

// keyName is whose release keys all boxes here know.
const keyName = "test.example"

// keys returns the folder with the release keys, which are made once.
func keys(t *testing.T) string {
	t.Helper()
	dir, err := makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if *boot { // without, nothing was built
		if dir, err := tools(); err == nil {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// A story is one box with the people around it.
type story struct {
	*testing.T
	dir      string
	card     boottest.Card
	board    boottest.Board
	times    *boottest.TimeServer
	guest    *boottest.Guest
	addr     string // with the box ID
	boots    int
	mac      string
	watchdog bool     // the machine has one
	uefi     bool     // it is started by UEFI
	disks    []string // files with USB disks
	nvme     []boottest.NVMe
	why      string // what has failed
}

// Fatal is that of [testing.T]; why is said again after the consoles, which are long.
func (s *story) Fatal(args ...any) {
	s.Helper()
	s.why = fmt.Sprint(args...)
	s.T.Fatal(args...)
}

// lastWords says, when a test has failed, why it has.
func (s *story) lastWords() {
	if s.why != "" {
		s.Logf("it has failed at boot %d: %.4000s", s.boots, s.why)
	}
}

func newStory(t *testing.T, b boottest.Board) *story {
	t.Helper()
	return newStoryOn(t, b, cardSize)
}

// newStoryOn is of a card with size bytes.
func newStoryOn(t *testing.T, b boottest.Board, size int64) *story {
	t.Helper()
	s := bareStory(t, b)
	var err error
	if s.card, err = boottest.NewCard(image(t, b), filepath.Join(s.dir, "card"), size); err != nil {
		t.Fatal(err)
	}
	return s
}

// bareStory is of a box without a card.
func bareStory(t *testing.T, b boottest.Board) *story {
	t.Helper()
	needBoot(t)
	s := &story{T: t, board: b, dir: t.TempDir()}
	t.Cleanup(s.lastWords)
	var err error
	if s.times, err = boottest.NewTimeServer(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.times.Close() })
	return s
}

// patience is how long anything may take that a box in QEMU does, on a machine that
// has other things to do.
const patience = 5 * time.Minute

func (s *story) within() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	s.Cleanup(cancel)
	return ctx
}

// switchOn switches the box on.
func (s *story) switchOn() {
	s.Helper()
	s.boots++
	var ports map[string]int
	if s.guest != nil {
		ports = s.guest.Ports()
	}
	name := fmt.Sprintf("boot%d", s.boots)
	dir, err := boottest.Dir(s.dir, name)
	if err != nil {
		s.Fatal(err)
	}
	g, err := boottest.PowerOn(s.Context(), boottest.Setup{
		Board: s.board, Image: s.card.File, Dir: dir, MAC: s.mac, Ports: ports, Watchdog: s.watchdog, UEFI: s.uefi, Disks: s.disks, NVMe: s.nvme,
		Param: []string{"cobox.log=console", fmt.Sprintf("cobox.ntp=10.0.2.2:%d", s.times.Port())},
	}, s.Logf)
	if err != nil {
		s.Fatal(err)
	}
	s.guest = g
	s.Cleanup(func() {
		if s.Failed() && g == s.guest {
			s.Logf("the processors of %s are at\n%s", name, g.Processors())
		}
		g.Kill()
		switch {
		case *keep != "":
			file := filepath.Join(*keep, strings.ReplaceAll(s.Name(), "/", "-")+"-"+name+".txt")
			if err := os.WriteFile(file, []byte(g.Console()), 0o600); err != nil {
				s.Error(err)
			}
		case s.Failed():
			s.Logf("the console of %s:\n%s", name, tail(g.Console(), 8000))
		}
	})
}

// awaitBox waits until the box answers.
func (s *story) awaitBox() {
	s.Helper()
	var err error
	if s.addr, err = s.guest.AwaitBox(s.within()); err != nil {
		s.Fatal(err)
	}
}

// cutPower cuts the power.
func (s *story) cutPower() { s.guest.Kill() }

// await waits for a line on the console.
func (s *story) await(text string) {
	s.Helper()
	if _, err := s.guest.Await(s.within(), text); err != nil {
		s.Fatal(err)
	}
}

// tryRun runs one of the programs of people. What they are told in secret comes on
// standard input.
func (s *story) tryRun(result any, stdin, program string, args ...string) error {
	return s.tryRunIn(s.Context(), result, stdin, program, args...)
}

// tryRunIn ends the program when ctx is done. One that takes too long has to say where it
// is: the error has its goroutines.
func (s *story) tryRunIn(ctx context.Context, result any, stdin, program string, args ...string) error {
	dir, err := tools()
	if err != nil {
		s.Fatal(err)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, filepath.Join(dir, program), append(args, "-json")...)
	cmd.Cancel = func() error {
		if ctx.Err() != nil {
			return cmd.Process.Kill()
		}
		return cmd.Process.Signal(syscall.SIGQUIT)
	}
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "COBOXCTL_HOME="+filepath.Join(s.dir, "operator"), "COBOX_HOME="+filepath.Join(s.dir, "partner"))
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s%s", program, strings.Join(args, " "), err, out.String(), errOut.String())
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), result); err != nil {
		return fmt.Errorf("%s %s prints %q: %w", program, strings.Join(args, " "), out.String(), err)
	}
	return nil
}

func (s *story) run(result any, stdin, program string, args ...string) {
	s.Helper()
	if err := s.tryRun(result, stdin, program, args...); err != nil {
		s.Fatal(err)
	}
}

// standing is what coboxctl status -json prints that is looked at here.
type standing struct {
	Authority struct {
		Uptime   time.Duration
		Trusted  bool `json:"clockTrusted"`
		Role     string
		Board    string
		Passive  bool
		Troubles []string
	}
	Seeder struct {
		Store struct{ Feeds, Blocks, Bytes uint64 }
	}
	Health health.Report
}

func (s *story) status() (st standing) {
	s.Helper()
	s.run(&st, "", "coboxctl", "status", "-addr", s.addr)
	return st
}

// pair makes the operator the owner of the box, by its label. A box that has just
// come up lets nobody in before its authority has said who may: one tries again.
func (s *story) pair() {
	s.Helper()
	s.awaitRun(s.card.Label.Code.Text(), "coboxctl", "pair", "-addr", s.addr)
}

// becomePartner invites a partner, once the box knows the time. The exchange has three
// seconds, which are few in QEMU on a busy computer: asking again is safe.
func (s *story) becomePartner() {
	s.Helper()
	s.await("a time server has answered")
	var inv struct{ Invite string }
	s.run(&inv, "", "coboxctl", "invite", "-addr", s.addr, "-partner", "Food Coop", "-quota", "1GB")
	s.run(nil, "", "cobox", "init", "-yes")
	s.retry(inv.Invite, "cobox", "accept", "-addr", s.addr)
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// TestFirstBoot goes the way of a box from the card to a restored folder, over a
// power cut, and says how long it takes to come up.
func TestFirstBoot(t *testing.T) { firstBoot(t, boottest.Virt) }

// TestRaspi is the same with the Raspberry Pi's own kernel.
func TestRaspi(t *testing.T) {
	needBoot(t)
	if !*raspi {
		t.Skip("boots a Raspberry Pi 3 in QEMU, which is slow: go test ./appliance/boottest -boot -raspi")
	}
	firstBoot(t, boottest.Pi3)
}

func firstBoot(t *testing.T, b boottest.Board) {
	s := newStory(t, b)
	s.switchOn()
	s.awaitBox()
	first := time.Since(s.guest.Began())
	for _, mark := range []string{"/perm made", "box key made", "personalised"} {
		s.await(mark)
	}
	if text, err := boottest.ReadBootFile(s.card.File, "COBOX.TXT"); err != nil || len(bytes.TrimSpace(text)) > 0 {
		t.Errorf("after the first start the card still says %q, %v", text, err)
	}
	s.await("seederd: user 900 900 900 900, capabilities 0000000000000000 of 0000000000000000, no new privileges 1")
	if strings.Contains(s.guest.Console(), "cannot confine programs as well as it should") {
		t.Error("seederd sees more of the box than it should")
	}
	s.pair()
	if st := s.status(); st.Authority.Role != "owner" || st.Authority.Passive || len(st.Authority.Troubles) > 0 {
		t.Errorf("paired: %+v", st)
	}
	s.becomePartner()
	folder := filepath.Join(s.dir, "documents")
	fill(t, folder, 20, 100_000)
	s.run(nil, "", "cobox", "space", "create", "documents", folder)
	s.run(nil, "", "cobox", "pin", "documents", s.addr)
	s.run(nil, "", "cobox", "backup", "documents")

	s.cutPower()
	s.switchOn()
	answered, seeding := s.awaitStatus(), s.awaitPins()
	st := s.status()
	if st.Authority.Role != "owner" || st.Seeder.Store.Blocks == 0 || st.Authority.Uptime > time.Since(s.guest.Began()) {
		t.Errorf("after the power cut: %+v", st)
	}
	restored := filepath.Join(s.dir, "restored")
	s.run(nil, "", "cobox", "restore", "-space", "documents", restored)
	same(t, folder, restored)
	s.cutPower()
	takePerm(t, s.card.File)
	for i := range s.boots {
		noSecrets(t, filepath.Join(s.dir, fmt.Sprintf("boot%d", i+1), "console"), s.card.Label.Code.Text())
	}
	t.Logf("on %s, from power-on: first boot answers after %.1f s; second boot: first answer of the paired box after %.1f s, seeding after %.1f s",
		b.Name, first.Seconds(), answered.Seconds(), seeding.Seconds())
	t.Logf("marks of the second boot:\n%s", marks(s.guest.Console()))
}

// awaitStatus waits until the paired box answers its operator, and returns how
// long after power-on that was.
func (s *story) awaitStatus() time.Duration {
	s.Helper()
	return s.awaitRun("", "coboxctl", "status", "-addr", s.addr)
}

// awaitPins waits until the box answers its partner, and keeps what it kept.
func (s *story) awaitPins() time.Duration {
	s.Helper()
	return s.awaitRun("", "cobox", "pins", s.addr)
}

func (s *story) awaitRun(stdin, program string, args ...string) time.Duration {
	s.Helper()
	s.retry(stdin, program, args...)
	return time.Since(s.guest.Began())
}

// retry runs a program until it works.
func (s *story) retry(stdin, program string, args ...string) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := s.tryRun(nil, stdin, program, args...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.Fatal(err)
		}
	}
}

func marks(console string) string {
	var b strings.Builder
	for line := range strings.Lines(console) {
		if strings.HasPrefix(line, "cobox: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// fill writes files into a folder, of which no two are alike.
func fill(t *testing.T, folder string, files, size int) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		text := bytes.Repeat(fmt.Appendf(nil, "file %d in %s\n", i, folder), size/40)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("file%d", i)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// same compares two folders, byte for byte.
func same(t *testing.T, a, b string) {
	t.Helper()
	out, err := exec.Command("diff", "-r", a, b).CombinedOutput()
	if err != nil {
		t.Errorf("%s and %s differ: %v\n%s", a, b, err, out)
	}
}

func noSecrets(t *testing.T, file, code string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{code, strings.ReplaceAll(code, "-", "")} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the console shows the pairing code")
		}
	}
}
