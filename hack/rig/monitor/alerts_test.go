package monitor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"cobox/appliance/update"
	"cobox/metrics/grafana"
	"cobox/metrics/rules"
	"cobox/seeder/pin"
)

// TestAlerts goes through the life of a box with everything that can happen to it.
// The parts follow on each other: a healthy box, its figures, and then one trouble
// after another, each caused as it happens, and ended.
func TestAlerts(t *testing.T) {
	s := newScene(t)
	p := s.newPartner(1, "-quota", "50MB", "-until", time.Now().Add(10*24*time.Hour).Format(time.DateOnly))
	p.connect()
	w := s.newWriter(10)
	w.write(t, 20, 50_000, 1)
	p.pin(w)
	stop, _ := p.push(w)
	p.wait(w, pin.Complete)
	s.watch()
	s.expect("CoBoxWatchdog", "CoBoxGrantEnding")
	part := func(name string, do func()) {
		t.Helper()
		if !t.Failed() {
			t.Log("part: " + name)
			do()
		}
	}

	part("a healthy box", func() {
		s.eventually("the box is scraped", 30*time.Second, func() error {
			list, err := s.query(`cobox_health{state="ok"} == 1 or cobox_health{state="warning"} == 1`)
			if err == nil && len(list) == 0 {
				bad, _ := s.query(`cobox_health_check{state=~"failed|blocked"} == 1`)
				err = fmt.Errorf("no healthy box: %v", bad)
			}
			return err
		})
		page := s.page()
		promtool(t, page, "check", "metrics")
		names, err := s.firing()
		// By bounds of seconds a megabyte in a minute fills this small disk within two
		// weeks, and the last reading back was long ago.
		for _, alert := range []string{"CoBoxWatchdog", "CoBoxGrantEnding", "CoBoxDiskFilling", "CoBoxScrubLate"} {
			delete(names, alert)
		}
		if err != nil || len(names) > 0 {
			t.Errorf("a healthy box has the alerts %v, %v", names, err)
		}
	})
	part("what the machine says", func() {
		s.tell("sys/class/thermal/thermal_zone0/temp", "84000\n")
		s.tell("sys/devices/platform/soc/soc:firmware/get_throttled", "0x10001\n")
		s.tell("sys/block/mmcblk0/device/life_time", "0x0a 0x0a\n")
		s.expect("CoBoxHot", "CoBoxUnderVoltage", "CoBoxDiskWorn", "CoBoxHealthFailed")
		s.tell("sys/class/thermal/thermal_zone0/temp", "48000\n")
		s.tell("sys/devices/platform/soc/soc:firmware/get_throttled", "0x10000\n")
		s.tell("sys/block/mmcblk0/device/life_time", "0x01 0x01\n")
		s.over("CoBoxHot", "CoBoxDiskWorn", "CoBoxUnderVoltage")
	})
	part("an update does not work, and the next does", func() {
		s.update(2, update.Finding{Problem: "the test says so", Hopeless: true})
		s.expect("CoBoxUpdateRolledBack")
		s.update(3, update.Finding{})
		s.over("CoBoxUpdateRolledBack")
	})
	part("three restarts", func() {
		for i := range 4 {
			up := fmt.Sprintf("%d.00 1.00\n", 9000-i*1000)
			s.tell("proc/uptime", up)
			s.eventually("the restart is scraped", 20*time.Second, func() error {
				list, err := s.query("cobox_uptime_seconds == " + strings.Fields(up)[0])
				if err == nil && len(list) == 0 {
					err = fmt.Errorf("not yet")
				}
				return err
			})
		}
		s.expect("CoBoxRestarts")
	})
	part("the clock is wrong", func() {
		s.ntp.off.Store(int64(2 * time.Minute))
		s.provisiond.stop(syscall.SIGTERM) // it compares when it starts
		s.startProvisiond()
		s.expect("CoBoxClockWrong")
		s.ntp.off.Store(0)
	})
	part("the seeder is killed, and the partner away for longer than agreed", func() {
		stop()
		p.box.Close()
		s.seederd.stop(syscall.SIGKILL)
		s.expect("CoBoxSeederDown")
		s.provisiond.stop(syscall.SIGTERM)
		s.startProvisiond("-silence", "2s")
		_ = p.host.Close()
		s.startSeederd()
		s.over("CoBoxSeederDown")
		s.expect("CoBoxPartnerSilent")
		s.coboxctl("", "partners", "-silence", "p1=forever", "-addr", s.addr)
		s.over("CoBoxPartnerSilent")
	})
	part("a block rots on the disk, while nobody is there who has it", func() {
		s.rot()
		s.restartSeederd() // it reads everything back
		s.expect("CoBoxScrubDamage", "CoBoxFeedBehind", "CoBoxScrubLate")
	})
	part("a writer contradicts himself", func() {
		p := s.newPartner(2, "-quota", "50MB")
		p.connect()
		a, b := s.newWriter(11), s.newWriter(11)
		a.write(t, 6, 100, 1)
		b.write(t, 9, 100, 77)
		p.pin(a)
		stop, _ := p.push(a)
		p.wait(a, pin.Complete)
		stop()
		p.push(b)
		p.wait(a, pin.Frozen)
		s.expect("CoBoxForkSeen")
	})
	part("a peer sends what it did not sign", func() {
		p := s.newPartner(3, "-quota", "50MB")
		p.connect()
		w := s.newWriter(12)
		w.write(t, 3, 1000, 1)
		p.pin(w)
		w.lies.Store(true)
		for range 14 {
			p.connect()
			_, ended := p.push(w)
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("a peer that lies is not cut off")
			}
		}
		s.expect("CoBoxInvalidProofs")
	})
	part("a partner wants more than was granted", func() {
		p := s.newPartner(4, "-quota", "100KB")
		p.connect()
		w := s.newWriter(13)
		w.write(t, 5, 50_000, 1)
		p.pin(w)
		p.push(w)
		p.wait(w, pin.OverQuota)
		s.expect("CoBoxPinsOverQuota")
	})
	part("the disk fills up", func() {
		filler := s.path("box", "store", ".filler")
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		chunk := bytes.Repeat([]byte{1}, 10<<20)
		for range 58 { // of 600 MB; a little each time, as it happens
			if _, err := f.Write(chunk); err != nil {
				break
			}
			select {
			case <-t.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		_ = f.Close()
		s.expect("CoBoxDiskFilling", "CoBoxDiskFull")
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		s.over("CoBoxDiskFull")
	})
	part("every query of rules and dashboards", func() { s.queries() })
	part("a file of the store is lost", func() {
		if err := os.Remove(s.blocks()); err != nil {
			t.Fatal(err)
		}
		s.restartSeederd() // it reads everything back
		s.expect("CoBoxStoreErrors")
	})
	part("the disk turns read-only", func() {
		s.seederd.stop(syscall.SIGKILL) // no file may be open for writing, for mount to do it
		s.must("mount", "-o", "remount,ro", s.path("box", "store"))
		s.expect("CoBoxFilesystemDamaged")
	})
	part("the disk is pulled", func() {
		s.must("umount", "-l", s.path("box", "store"))
		s.expect("CoBoxDiskGone")
	})
	part("the box is away", func() {
		s.provisiond.stop(syscall.SIGKILL)
		s.expect("CoBoxSilent")
	})
	part("the scrape configuration is lost", func() {
		s.configure("scrape_configs: []\n")
		s.reload()
		s.expect("CoBoxNoBoxes")
	})
	part("monitoring itself ends", func() {
		s.prometheus.stop(syscall.SIGKILL)
		s.over("CoBoxWatchdog")
	})
	if !t.Failed() {
		s.allCaused()
	}
}

// page returns the box's metrics, as Prometheus reads them.
func (s *scene) page() string {
	s.t.Helper()
	token, target := s.scrapeTarget()
	return s.fetch("http://"+target+"/metrics", token)
}

// scrapeTarget returns what coboxctl prints for Prometheus.
func (s *scene) scrapeTarget() (token, target string) {
	s.t.Helper()
	out := s.coboxctl("", "prometheus", "-addr", s.addr)
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "credentials: "); ok {
			token = strings.Trim(v, "'")
		}
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "- targets: ['"); ok {
			target = strings.TrimSuffix(v, "']")
		}
	}
	return token, target
}

// blocks returns the file with the blocks of a feed.
func (s *scene) blocks() string {
	s.t.Helper()
	files, err := filepath.Glob(s.path("box", "store", "feeds", "*", "*.blocks"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no blocks in the store: %v", err)
	}
	return files[0]
}

// rot changes bytes of a stored block.
func (s *scene) rot() {
	s.t.Helper()
	f, err := os.OpenFile(s.blocks(), os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt([]byte("rotten"), 60_000); err != nil {
		s.t.Fatal(err)
	}
}

// queries asks Prometheus what every panel of every dashboard asks, and for what every
// rule of the recording file records.
func (s *scene) queries() {
	s.t.Helper()
	recording, err := rules.Files.ReadFile("recording.yml")
	if err != nil {
		s.t.Fatal(err)
	}
	asked := 0
	for _, m := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(string(recording), -1) {
		s.expectData("recording rule "+m[1], m[1])
		asked++
	}
	box := s.boxName()
	for _, d := range grafana.Dashboards() {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				expr := strings.NewReplacer("$box", box, "$__rate_interval", "30s", "$__range", "60s", "$__interval", "10s").Replace(q.Expr)
				s.expectData(d.UID+": "+p.Title, expr)
				asked++
			}
		}
	}
	s.t.Logf("%d queries were asked", asked)
}

func (s *scene) expectData(what, expr string) {
	s.t.Helper()
	list, err := s.query(expr)
	if err != nil {
		s.t.Errorf("%s: %v", what, err)
		return
	}
	if untold := smart.MatchString(expr); untold != (len(list) == 0) {
		s.t.Errorf("%s has %d series: %s", what, len(list), expr)
	}
}

// smart are the metrics that only disks have which tell their own health. The board here
// has a card alone: TestDiskHealth of appliance/boottest has such disks.
var smart = regexp.MustCompile(`cobox_disk_(failing|temperature_celsius|media_errors|bad_sectors|power_on_seconds)\b`)

// boxName returns the label of the box.
func (s *scene) boxName() string {
	s.t.Helper()
	list, err := s.query("cobox_uptime_seconds")
	if err != nil || len(list) != 1 {
		s.t.Fatalf("boxes: %v, %v", list, err)
	}
	return list[0].Metric["box"]
}

// uncaused is the one alert that the board here cannot have: see smart. What Prometheus
// makes of such figures is in the tests of the rules.
const uncaused = "CoBoxDiskFailing"

// allCaused checks that no alert was left out.
func (s *scene) allCaused() {
	s.t.Helper()
	alerts, err := rules.Files.ReadFile("alerts.yml")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`- alert: (\S+)`).FindAllStringSubmatch(string(alerts), -1) {
		if !s.caused[m[1]] && m[1] != uncaused {
			s.t.Errorf("%s was not caused", m[1])
		}
	}
}
