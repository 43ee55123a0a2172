package boot

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cobox/appliance/release"
	"cobox/provision"
	"cobox/provision/label"
)

func TestCmdline(t *testing.T) {
	c := Cmdline("console=ttyS0 cobox.ntp=a,10.0.2.2:123 root=/dev/x cobox.log=console")
	if got := c.TimeServers(); len(got) != 2 || got[0] != "a" || got[1] != "10.0.2.2:123" {
		t.Errorf("time servers %q", got)
	}
	if !c.LogsToConsole() {
		t.Error("the logs do not go to the console")
	}
	for _, c := range []Cmdline{"", "xcobox.log=console cobox.ntp=", "cobox.log=console cobox.log=no"} {
		if c.LogsToConsole() || c.TimeServers() != nil {
			t.Errorf("%q: %v, %q", c, c.LogsToConsole(), c.TimeServers())
		}
	}
}

func TestReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cobox")
	want := Report{Writable: true, Made: true, Board: "mac:0011223344556677", Troubles: []string{"one", "two"}}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadReport(dir)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %+v, %v, want %+v", got, err, want)
	}
	if TimeKnown(dir) {
		t.Error("the time is known before anybody has said it")
	}
	if err := noteTimeKnown(dir); err != nil || !TimeKnown(dir) {
		t.Errorf("noted: %v, known %v", err, TimeKnown(dir))
	}
	for _, text := range []string{"", "{", "[]", strings.Repeat(" ", maxReport) + "{}"} {
		if err := os.WriteFile(filepath.Join(dir, reportFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadReport(dir); err == nil {
			t.Errorf("%.10q is a report", text)
		}
	}
	if _, err := ReadReport(t.TempDir()); err == nil {
		t.Error("there is a report where init has written none")
	}
}

func TestSoftware(t *testing.T) {
	file := filepath.Join(t.TempDir(), "release")
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(string(release.System{Product: release.Product, Board: "rpi", Version: 42, Name: "1.3.0"}.Append(nil)))
	if version, built, err := software(file); version != "1.3.0" || !built.Equal(at) || err != nil {
		t.Errorf("%q, %v, %v", version, built, err)
	}
	write("something else")
	if version, built, err := software(file); version != "" || !built.Equal(at) || err == nil {
		t.Errorf("of a file that says nothing: %q, %v, %v", version, built, err)
	}
	if _, built, err := software(file + "x"); !built.IsZero() || err == nil {
		t.Errorf("without the file: %v, %v", built, err)
	}
}

func TestPassive(t *testing.T) {
	for _, r := range []Report{{}, {Writable: true, Cloned: true}, {Cloned: true}} {
		if !r.Passive() {
			t.Errorf("%+v serves partners", r)
		}
	}
	if (&Report{Writable: true}).Passive() {
		t.Error("a box that is well is passive")
	}
}

func TestMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	for text, want := range map[string]uint64{
		"MemTotal:         440000 kB\nMemFree: 1 kB\n": 440000 << 10,
		"MemFree: 7 kB\nMemTotal: 8 kB\n":              8 << 10,
		"MemTotal: 440000\n":                           0,
		"MemTotal: many kB\n":                          0,
		"":                                             0,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := TotalMemory(file); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for total := uint64(0); total < 16<<30; total += 64 << 20 {
		m := Limits(total)
		if m.Seeder < 128<<20 || m.Seeder > 1<<30 || m.Authority < 32<<20 || m.Authority > 128<<20 {
			t.Errorf("of %d MiB: %+v", total>>20, m)
		}
		if total >= 400<<20 && m.Seeder+m.Authority > total/2 {
			t.Errorf("of %d MiB: %+v leaves too little to the kernel", total>>20, m)
		}
	}
}

func TestHarden(t *testing.T) {
	proc := t.TempDir()
	on := filepath.Join(proc, "kernel/kptr_restrict")
	if err := os.MkdirAll(filepath.Dir(on), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(on, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Harden(proc); err != nil {
		t.Fatalf("a kernel that lacks most switches: %v", err)
	}
	if text, _ := os.ReadFile(on); string(text) != "2" {
		t.Errorf("the switch is at %q", text)
	}
	if err := os.Remove(on); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(on, 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	if err := Harden(proc); err == nil || !strings.Contains(err.Error(), "kptr_restrict") {
		t.Errorf("a switch that does not turn: %v", err)
	}
}

func TestFloor(t *testing.T) {
	built := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	state := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(state, "own"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(state, timeFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := Floor(state, built); !got.Equal(built) {
		t.Errorf("a new box: %v", got)
	}
	for text, want := range map[string]time.Time{
		"2027-01-01T00:00:00Z\n": time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		"1970-01-01T00:00:00Z\n": built,
		"yesterday":              built,
	} {
		write(text)
		if got := Floor(state, built); !got.Equal(want) {
			t.Errorf("kept %q: %v, want %v", text, got, want)
		}
	}
}

// owned notes who files are given to: only root can give them away.
type owned map[string]owner

func (o owned) chown(path string, user, group int) error {
	o[path] = owner{user, group}
	return nil
}

func TestPrepareState(t *testing.T) {
	syscall.Umask(0o022)
	state := filepath.Join(t.TempDir(), "cobox")
	all := places
	for range 3 { // on every start
		got := owned{}
		if err := prepareState(state, got.chown); err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			path := filepath.Join(state, p.name)
			info, err := os.Stat(path)
			if err != nil || info.Mode() != p.mode || got[path] != p.owner {
				t.Errorf("%s: %v of %+v, %v, want %v of %+v", p.name, info.Mode(), got[path], err, p.mode, p.owner)
			}
		}
		// As it was copied from a card that cannot be written to.
		if err := os.WriteFile(filepath.Join(state, keyFile.name), []byte("key"), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(slices.Clone(places), keyFile)
	}
}

func TestCopyOwnership(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "state")
	for name, text := range map[string]string{
		"box.key": "key", "own/claim": "claim", "own/chain/log": "orders", "store/blocks/1": "data", "lock": "1", "revoked/x": "list",
	} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(from, "own/link")); err != nil {
		t.Fatal(err)
	}
	if err := copyOwnership(from, to); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		got = append(got, strings.TrimPrefix(path, to+"/")+"="+string(text))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := "box.key=key own/chain/log=orders own/claim=claim"; strings.Join(got, " ") != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	if err := copyOwnership(filepath.Join(from, "missing"), to); err == nil {
		t.Error("a card that cannot be read was copied")
	}
}

func TestPersonalise(t *testing.T) {
	volume, state := t.TempDir(), t.TempDir()
	file := filepath.Join(volume, provision.PersonalFile)
	put := func(n byte) provision.Card {
		t.Helper()
		p := provision.Personal{Card: provision.Card{Claim: label.ClaimKey{n}}, Seed: []byte{n, n}}
		text, err := p.Text()
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return p.Card
	}
	if _, err := takePersonal(volume, state); err == nil {
		t.Error("an image without the file was personalised")
	}
	for n := byte(1); n < 3; n++ { // again before anybody owns the box
		want := put(n)
		for range 2 { // and again, when the power was cut before it was blanked
			seed, err := takePersonal(volume, state)
			if err != nil || string(seed) != string([]byte{n, n}) {
				t.Fatalf("seed %q, %v", seed, err)
			}
		}
		if got, err := provision.ReadCard(state); err != nil || got != want {
			t.Errorf("the card is %+v, %v, want %+v", got, err, want)
		}
	}
	if err := blankPersonal(volume); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != string(provision.BlankPersonal()) {
		t.Errorf("left is %.40q, %v", text, err)
	}
	if seed, err := takePersonal(volume, state); err != nil || seed != nil {
		t.Errorf("blank: %q, %v", seed, err)
	}
	if err := os.WriteFile(file, []byte("scribble"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := takePersonal(volume, state); err == nil {
		t.Error("a damaged personalisation was taken in")
	}
}

func TestTakeReset(t *testing.T) {
	volume, state := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(state, "own"), 0o700); err != nil {
		t.Fatal(err)
	}
	file, reset := filepath.Join(volume, resetName), filepath.Join(state, provision.ResetFile)
	take := func() bool {
		t.Helper()
		taken, err := takeReset(volume, state)
		if err != nil {
			t.Fatal(err)
		}
		return taken
	}
	if take() {
		t.Error("a reset card was found where there is none")
	}
	if err := os.WriteFile(file, []byte("a card"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !take() {
		t.Error("the reset card was not found")
	}
	if text, err := os.ReadFile(reset); err != nil || string(text) != "a card" {
		t.Errorf("brought %q, %v", text, err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "      " {
		t.Errorf("on the volume is left %q, %v", text, err)
	}
	if take() {
		t.Error("a blank reset card was brought")
	}
	if err := os.WriteFile(file, make([]byte, maxOnCard+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := takeReset(volume, state); err == nil {
		t.Error("a reset card of any length is read")
	}
	if err := os.WriteFile(file, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := takeReset(volume, filepath.Join(state, "missing")); err == nil {
		t.Error("a reset card was brought nowhere")
	}
	if text, _ := os.ReadFile(file); string(text) != "another" {
		t.Errorf("a card that could not be brought is gone: %q", text)
	}
}

func TestLastResort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- (&Report{Troubles: []string{"the card is damaged", "switch it off"}}).serveLastResort(l)
	}()
	resp, err := http.Get("http://" + l.Addr().String() + "/anything")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "\nthe card is damaged\n\nswitch it off\n") {
		t.Errorf("%s, %v: %s", resp.Status, err, text)
	}
	_ = l.Close()
	if err := <-ended; err == nil {
		t.Error("it has ended well")
	}
}

func TestHostName(t *testing.T) {
	state := t.TempDir()
	if got := hostName(state); got != "cobox" || hasKey(state) {
		t.Errorf("a box without a label is called %q; it has a key: %v", got, hasKey(state))
	}
	tag, err := label.ParseTag("7K3F9Q")
	if err != nil {
		t.Fatal(err)
	}
	if err := provision.WriteCard(state, provision.Card{Claim: label.ClaimKey{1}, Tag: tag}); err != nil {
		t.Fatal(err)
	}
	if got := hostName(state); got != "cobox-7k3f9q" {
		t.Errorf("the box is called %q", got)
	}
}

// What talks to strangers is started with few rights, and keeps out of sight when
// the box is passive; nothing is told about keys on a command line.
func TestPrograms(t *testing.T) {
	p := plan{state: "/perm/cobox", memory: Limits(1 << 30), times: []string{"10.0.2.2:99"}}
	list := p.programs()
	if len(list) != 4 || list[3].Name() != "seederd" || list[3].Args[1] != "confined" {
		t.Fatalf("programs %v", list)
	}
	if got := list[1].String(); got != "/gokrazy/ntp 10.0.2.2:99" {
		t.Errorf("ntp is called as %q", got)
	}
	if strings.Contains(list[3].String(), "-dht off") {
		t.Errorf("a box that is well is called as %q", list[3])
	}
	p.passive = true
	if got := p.programs()[3].String(); !strings.Contains(got, "-dht off -mdns off") {
		t.Errorf("a passive box is called as %q", got)
	}
	p.nobody = true
	if got := p.programs(); len(got) != 2 {
		t.Errorf("without a box key there run %v", got)
	}
	for _, path := range seederPolicy(p.state).Write {
		if path == p.state || strings.HasSuffix(path, "/own") {
			t.Errorf("seederd may write to %s", path)
		}
	}
}
