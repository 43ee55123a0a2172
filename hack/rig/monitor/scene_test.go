package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cobox/hack/rig/programs"
)

var asked = flag.Bool("monitor", false, "run the tests with a real Prometheus; as root")

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

func needAsked(t *testing.T) {
	t.Helper()
	if !*asked {
		t.Skip("needs Prometheus and root: go test ./hack/rig/monitor -monitor")
	}
}

// A scene is a box, its operator, and who watches it.
type scene struct {
	t          *testing.T
	dir        string // short: a socket's path is bounded
	port       int    // of the seeder
	scrape     int    // port of the metrics
	ntp        *timeServer
	provisiond *process
	seederd    *process
	addr       string // of the box

	prometheusPort, alertPort int
	prometheus, alertmanager  *process

	caused map[string]bool // the alerts that have reached Alertmanager
}

// A process is a running program.
type process struct {
	cmd   *exec.Cmd
	log   *programs.Output
	ended chan struct{}
}

// start runs a program until the test ends, or until it is stopped.
func (s *scene) start(name string, args ...string) *process {
	s.t.Helper()
	p := &process{cmd: exec.Command(name, args...), log: new(programs.Output), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatalf("starting %s: %v (hack/setup-e2e metrics installs what is needed)", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // it is told to end, or its log says why
	}()
	s.t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", filepath.Base(name), p.log.Tail())
		}
	})
	return p
}

func (p *process) stop(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// freePort returns a port that nothing listens at.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *scene) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// must runs a program of the system.
func (s *scene) must(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// coboxctl runs the operator's program.
func (s *scene) coboxctl(stdin string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "coboxctl"), args...)
	cmd.Env = append(os.Environ(), "COBOXCTL_HOME="+s.path("operator"))
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("coboxctl %v: %v\n%s", args, err, &errOut)
	}
	return out.String()
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
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// newScene starts a box that was just flashed, and has it paired.
func newScene(t *testing.T) *scene {
	t.Helper()
	needAsked(t)
	dir, err := os.MkdirTemp("", "mon")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &scene{t: t, dir: dir, port: freePort(t), scrape: freePort(t), ntp: newTimeServer(t), caused: make(map[string]bool)}
	label := s.personalise()
	s.makeMachine()
	s.mountDisk()
	s.startProvisiond()
	s.startSeederd()
	s.pair(label.Code)
	s.coboxctl("", "set", "metrics-lan", "on", "-addr", s.addr)
	return s
}

type boxLabel struct{ Tag, Code string }

func (s *scene) personalise() (l boxLabel) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "mkimage"), "personalise", "-state", s.path("box"), "-png", s.path("label.png"), "-json")
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &l)
	}
	if err != nil {
		s.t.Fatalf("giving the box its code: %v", err)
	}
	return l
}

// mountDisk gives the store a disk of its own, in memory.
func (s *scene) mountDisk() {
	s.t.Helper()
	store := s.path("box", "store")
	if err := os.MkdirAll(store, 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.must("mount", "-t", "tmpfs", "-o", "size=600m,mode=700", "tmpfs", store)
	s.t.Cleanup(func() { _ = exec.Command("umount", "-l", store).Run() })
}

func (s *scene) startProvisiond(more ...string) {
	s.t.Helper()
	args := []string{
		"-state", s.path("box"), "-metrics-lan", fmt.Sprint("127.0.0.1:", s.scrape), "-store-disk",
		"-sys", s.path("sys"), "-proc", s.path("proc"), "-time-server", s.ntp.addr,
	}
	s.provisiond = s.start(filepath.Join(bin, "provisiond"), append(args, more...)...)
}

func (s *scene) startSeederd() {
	s.t.Helper()
	s.seederd = s.start(filepath.Join(bin, "seederd"), "-state", s.path("box"), "-authority",
		"-listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", s.port), "-mdns=off", "-dht=off", "-reserve", "1MB", "-scrub-rate", "1GB")
	s.eventually("the seeder answers", 30*time.Second, func() error {
		out, err := exec.Command(filepath.Join(bin, "seederd"), "-state", s.path("box"), "-status", "-json").Output()
		if err != nil {
			return err
		}
		var st struct{ Addrs []string }
		if err := json.Unmarshal(out, &st); err != nil || len(st.Addrs) == 0 {
			return fmt.Errorf("no address: %w", err)
		}
		s.addr = st.Addrs[0]
		return nil
	})
}

// restartSeederd ends the seeder and starts it anew.
func (s *scene) restartSeederd() {
	s.t.Helper()
	s.seederd.stop(syscall.SIGTERM)
	s.startSeederd()
}

func (s *scene) pair(code string) {
	s.t.Helper()
	s.eventually("pairing", 30*time.Second, func() error {
		cmd := exec.Command(filepath.Join(bin, "coboxctl"), "pair", "-addr", s.addr)
		cmd.Env = append(os.Environ(), "COBOXCTL_HOME="+s.path("operator"))
		cmd.Stdin = strings.NewReader(code + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// makeMachine makes what the kernel tells of a board: the real network and /proc,
// with an uptime of its own, and devices that a test can change.
func (s *scene) makeMachine() {
	s.t.Helper()
	if err := os.MkdirAll(s.path("proc"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"self", "stat", "meminfo", "mounts", "net", "pressure", "loadavg", "cpuinfo", "sys", "version"} {
		if err := os.Symlink(filepath.Join("/proc", name), s.path("proc", name)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.tell("proc/uptime", "100000.00 100000.00\n")
	s.tell("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\x00")
	s.tell("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	s.tell("sys/class/thermal/thermal_zone0/temp", "48000\n")
	s.tell("sys/devices/platform/soc/soc:firmware/get_throttled", "0x0\n")
	s.tell("sys/block/mmcblk0/size", "62333952\n")
	s.tell("sys/block/mmcblk0/stat", "1 0 8 4 5 0 16 8 0 10 12 0 0 0 0 0 0\n")
	s.tell("sys/block/mmcblk0/device/type", "MMC\n")
	s.tell("sys/block/mmcblk0/device/life_time", "0x01 0x01\n")
	s.tell("sys/block/mmcblk0/device/pre_eol_info", "0x01\n")
	s.tell("sys/block/sda/size", "1953525168\n")
	s.tell("sys/block/sda/stat", "1 0 8 4 5 0 16 8 0 10 12 0 0 0 0 0 0\n")
	s.tell("sys/block/sda/device/ioerr_cnt", "0x0\n")
	if err := os.Symlink("/sys/class/net", s.path("sys/class/net")); err != nil {
		s.t.Fatal(err)
	}
}

// tell has the machine say something.
func (s *scene) tell(name, text string) {
	s.t.Helper()
	path := s.path(name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		// At once, so that nobody reads half of it.
		if err = os.WriteFile(path+".new", []byte(text), 0o600); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// read returns the body of an answer.
func (s *scene) read(url string) (string, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", url, resp.Status, body)
	}
	return string(body), err
}

// fetch reads a page with a bearer token.
func (s *scene) fetch(url, token string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(body)
}
