package sensors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/appliance/sensors"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func pointer[T any](v T) *T { return &v }

func TestPi(t *testing.T) {
	m := pi.machine(t)
	m.Addresses = func(name string) ([]netip.Prefix, error) {
		if name == "eth0" {
			return []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24")}, nil
		}
		return nil, nil
	}
	got, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	up := 3600*time.Second + 250*time.Millisecond
	want := sensors.Reading{
		At: now,
		Boot: sensors.Boot{
			ID: "0c7b1bd5-79f1-4e4a-9f2d-3d5d3f5f1a11", Time: now.Add(-time.Hour), Uptime: up,
			Cause: sensors.PowerOn, Model: "Raspberry Pi 4 Model B Rev 1.5", Kernel: "6.12.1",
		},
		CPU:    &sensors.CPU{Count: 2, User: 12, System: 3.3, IOWait: 0.5, Steal: 0.3, Idle: 100},
		Memory: &sensors.Memory{SizeBytes: 1000 << 10, AvailableBytes: 600 << 10},
		Pressure: []sensors.Pressure{
			{Resource: "cpu", Some: 1500 * time.Millisecond},
			{Resource: "io", Some: 2 * time.Second, Full: pointer(time.Second)},
			{Resource: "memory", Full: pointer(time.Duration(0))},
		},
		Temperatures: []sensors.Temperature{{Sensor: "cpu-thermal", Celsius: 48.312}},
		Power:        &sensors.Power{UnderVoltage: &sensors.Alarm{Now: true}},
		Disks: []sensors.Disk{
			{
				Name: "mmcblk0", Kind: sensors.SDCard, SizeBytes: 62333952 * 512,
				ReadBytes: 100 * 512, WrittenBytes: 200 * 512, Busy: 1234 * time.Millisecond,
			},
			{
				Name: "sda", Kind: sensors.USBDisk, SizeBytes: 1953525168 * 512,
				ReadBytes: 8 * 512, WrittenBytes: 16 * 512, Busy: 60 * time.Millisecond, Errors: pointer(uint64(5)),
			},
		},
		Volumes: []sensors.Volume{
			{Name: "state", Present: true, Type: "ext4", Disk: "mmcblk0", Errors: pointer(uint64(0))},
			{Name: "data", Present: true, Type: "ext4", Disk: "sda", Errors: pointer(uint64(3))},
		},
		Network: &sensors.Network{
			DefaultRoute: pointer(true),
			Interfaces: []sensors.Interface{
				{
					Name: "eth0", Link: pointer(true), BitsPerSecond: 1e9,
					Addresses:     []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24")},
					ReceivedBytes: 111, SentBytes: 222, ReceiveErrors: 3, SendErrors: 4,
				},
				{Name: "wlan0", Link: pointer(false)},
			},
		},
	}
	sizes := cmpopts.IgnoreFields(sensors.Volume{}, "SizeBytes", "FreeBytes", "AvailableBytes", "Files", "FilesFree")
	prefixes := cmpopts.EquateComparable(netip.Prefix{})
	if diff := cmp.Diff(want, got, sizes, prefixes, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("Read() differs from what was expected (-want +got):\n%s", diff)
	}
	for _, v := range got.Volumes {
		if runtime.GOOS == "linux" && (v.SizeBytes == 0 || v.AvailableBytes > v.FreeBytes || v.FreeBytes > v.SizeBytes) {
			t.Errorf("volume %s: size %d, free %d, available %d", v.Name, v.SizeBytes, v.FreeBytes, v.AvailableBytes)
		}
	}

	// What is read travels as JSON without a loss.
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back sensors.Reading
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, back, prefixes); diff != "" {
		t.Errorf("reading after JSON (-want +got):\n%s", diff)
	}
}

// A machine that shows nothing has no readings, and that is no error.
func TestNothing(t *testing.T) {
	got := tree{"perm/": "folder"}.read(t)
	want := sensors.Reading{At: now, Volumes: []sensors.Volume{{Name: "state", Present: true}, {Name: "data"}}}
	sizes := cmpopts.IgnoreFields(sensors.Volume{}, "SizeBytes", "FreeBytes", "AvailableBytes", "Files", "FilesFree")
	if diff := cmp.Diff(want, got, sizes); diff != "" {
		t.Errorf("Read() (-want +got):\n%s", diff)
	}
	m := &sensors.Machine{Proc: filepath.Join(t.TempDir(), "none"), Sys: "none", Now: func() time.Time { return now }}
	got, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sensors.Reading{At: now}, got); diff != "" {
		t.Errorf("Read() without proc and sys (-want +got):\n%s", diff)
	}
}

// The machine that runs the test is a real one.
func TestThisMachine(t *testing.T) {
	m := &sensors.Machine{Volumes: []sensors.VolumeAt{{Name: "data", Path: t.TempDir()}}}
	r, err := m.Read()
	if err != nil {
		t.Errorf("Read() = %v", err)
	}
	if !r.Volumes[0].Present {
		t.Error("the volume of a temporary folder is not present")
	}
	if runtime.GOOS != "linux" {
		return
	}
	if r.Boot.Uptime <= 0 || r.Boot.ID == "" || r.CPU == nil || r.CPU.Busy() <= 0 || r.Memory == nil || r.Volumes[0].SizeBytes == 0 {
		t.Errorf("Read() = %+v", r)
	}
}

func TestCauses(t *testing.T) {
	const status = "sys/class/watchdog/watchdog0/bootstatus"
	for _, c := range []struct {
		name  string
		files tree
		want  sensors.Cause
	}{
		{"power", tree{status: "0\n"}, sensors.PowerOn},
		{"other bits", tree{"proc/device-tree/chosen/bootloader/rsts": "\x00\x00\x00\x20"}, sensors.UnknownCause},
		{"older firmware", tree{"proc/device-tree/chosen/bootloader/rsts": "", "proc/device-tree/chosen/bootloader/pm_rsts": "\x00\x00\x10\x55"}, sensors.PowerOn},
		{"short register", tree{"proc/device-tree/chosen/bootloader/rsts": "\x10"}, sensors.UnknownCause},
		{"watchdog", tree{status: "32\n"}, sensors.Watchdog},
		{"heat", tree{status: "33\n"}, sensors.Overheated},
		{"voltage", tree{status: "16\n"}, sensors.Undervolted},
		{"panic", tree{status: "32\n", "sys/fs/pstore/dmesg-ramoops-0": "Kernel panic"}, sensors.Panic},
		{"console only", tree{"sys/fs/pstore/console-ramoops-0": "hello"}, sensors.PowerOn},
	} {
		if got := pi.plus(c.files).read(t).Boot.Cause; got != c.want {
			t.Errorf("%s: cause %q, want %q", c.name, got, c.want)
		}
	}
}

func TestThrottled(t *testing.T) {
	const file = "sys/devices/platform/soc/soc:firmware/get_throttled"
	alarm := func(now, ever bool) *sensors.Alarm { return &sensors.Alarm{Now: now, SinceBoot: &ever} }
	for text, want := range map[string]*sensors.Power{
		"0\n":     {alarm(false, false), alarm(false, false), alarm(false, false), alarm(false, false)},
		"50005\n": {alarm(true, true), alarm(false, false), alarm(true, true), alarm(false, false)},
		"0xa0000": {alarm(false, false), alarm(false, true), alarm(false, false), alarm(false, true)},
	} {
		if diff := cmp.Diff(want, pi.plus(tree{file: text}).read(t).Power); diff != "" {
			t.Errorf("get_throttled %q (-want +got):\n%s", text, diff)
		}
	}
	if got := pi.plus(tree{"sys/class/hwmon/hwmon1/name": ""}).read(t).Power; got != nil {
		t.Errorf("power of a machine that does not tell: %+v, want nil", got)
	}
}

func TestEMMC(t *testing.T) {
	const dir = "sys/devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/device/"
	for _, c := range []struct {
		life, eol string
		wear      *float64
		reserve   sensors.Reserve
	}{
		{"0x01 0x03\n", "0x01\n", pointer(0.3), sensors.ReserveNormal},
		{"0x0b 0x00\n", "0x03\n", pointer(1.1), sensors.ReserveUrgent},
		{"0x0a 0x0a\n", "0x02\n", pointer(1.0), sensors.ReserveWarning},
		{"0x00 0x00\n", "0x00\n", nil, ""},
		{"", "", nil, ""},
	} {
		d := pi.plus(tree{dir + "type": "MMC\n", dir + "life_time": c.life, dir + "pre_eol_info": c.eol}).read(t).Disks[0]
		if d.Kind != sensors.EMMC || !cmp.Equal(d.Wear, c.wear) || d.Reserve != c.reserve {
			t.Errorf("life_time %q, pre_eol_info %q: %+v", c.life, c.eol, d)
		}
	}
}

func TestVolumes(t *testing.T) {
	mounts := pi["proc/self/mountinfo"]
	lines := strings.SplitAfter(mounts, "\n")
	for _, c := range []struct {
		name   string
		mounts string
		want   sensors.Volume
	}{
		{"disk pulled", lines[0] + lines[1], sensors.Volume{Name: "data"}},
		{
			"shut after an error", lines[0] + lines[1] + strings.Replace(lines[2], "/dev/sda1 rw", "/dev/sda1 ro,errors=remount-ro", 1),
			sensors.Volume{Name: "data", Present: true, Type: "ext4", Disk: "sda", ReadOnly: true, Errors: pointer(uint64(3))},
		},
		{
			"mounted over", mounts + "24 23 0:40 / DIR/perm/data rw - tmpfs tmpfs rw\n",
			sensors.Volume{Name: "data", Present: true, Type: "tmpfs"},
		},
	} {
		got := pi.plus(tree{"proc/self/mountinfo": c.mounts}).read(t).Volumes[1]
		sizes := cmpopts.IgnoreFields(sensors.Volume{}, "SizeBytes", "FreeBytes", "AvailableBytes", "Files", "FilesFree")
		if diff := cmp.Diff(c.want, got, sizes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A file that makes no sense is an error that names it, and costs only its own figure.
func TestDamagedFiles(t *testing.T) {
	whole := pi.read(t)
	for _, file := range []string{
		"proc/uptime", "proc/stat", "proc/meminfo", "proc/pressure/io", "proc/net/route", "proc/self/mountinfo",
		"sys/class/thermal/thermal_zone0/temp", "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "sys/fs/ext4/sda1/errors_count",
		"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/size",
		"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/stat",
		"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/device/ioerr_cnt",
		"sys/class/net/eth0/carrier", "sys/class/net/eth0/statistics/rx_bytes",
	} {
		for _, junk := range []string{"what is this\n", "\xff\xfe\x00", "-7 -7 -7 -7 -7 -7 -7 -7 -7 -7 -7\n", "1e999"} {
			r, err := pi.plus(tree{file: junk}).machine(t).Read()
			if err == nil && !harmless(file, junk) {
				t.Errorf("Read() with %q in %s: no error", junk, file)
			}
			if r.Boot.Model != whole.Boot.Model || len(r.Volumes) != 2 || len(r.Temperatures) > 1 {
				t.Errorf("Read() with %q in %s lost other figures: %+v", junk, file, r)
			}
		}
	}
}

// harmless tells of combinations that mean something, or nothing, and are no damage.
func harmless(file, junk string) bool {
	return strings.HasPrefix(junk, "-7") && strings.HasSuffix(file, "temp") ||
		// procfs passes over lines of these that it does not know.
		slices.Contains([]string{"proc/stat", "proc/meminfo", "proc/pressure/io", "proc/net/route"}, file)
}

func TestBounds(t *testing.T) {
	crowd := tree{}
	for i := range 30 {
		crowd[fmt.Sprintf("sys/class/thermal/thermal_zone%d/type", i)] = "zone\n"
		crowd[fmt.Sprintf("sys/class/thermal/thermal_zone%d/temp", i)] = fmt.Sprintf("%d000\n", i)
		crowd[fmt.Sprintf("sys/block/nvme%dn1/size", i)] = "8\n"
		crowd[fmt.Sprintf("sys/block/nvme%dn1/device/", i)] = "folder"
		crowd[fmt.Sprintf("sys/class/net/en%d/device/", i)] = "folder"
	}
	m := pi.plus(crowd).machine(t)
	for range 30 {
		m.Volumes = append(m.Volumes, m.Volumes[0])
	}
	m.Addresses = func(string) ([]netip.Prefix, error) { return make([]netip.Prefix, 100), nil }
	r, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Temperatures) != sensors.MaxTemperatures || len(r.Disks) != sensors.MaxDisks ||
		len(r.Volumes) != sensors.MaxVolumes || len(r.Network.Interfaces) != sensors.MaxInterfaces ||
		len(r.Network.Interfaces[0].Addresses) != sensors.MaxAddresses {
		t.Errorf("Read() of a crowd: %d, %d, %d, %d", len(r.Temperatures), len(r.Disks), len(r.Volumes), len(r.Network.Interfaces))
	}
	seen := map[string]bool{}
	for i, s := range r.Temperatures {
		if seen[s.Sensor] || s.Celsius != float64(i) {
			t.Errorf("temperature %d: %+v", i, s)
		}
		seen[s.Sensor] = true
	}
}

// Names from devices become labels: they are short and printable.
func TestNames(t *testing.T) {
	r := pi.plus(tree{
		"sys/class/thermal/thermal_zone0/type": strings.Repeat("ä", 100) + "\n",
		"proc/device-tree/model":               "a\x01b\nc\x00",
	}).read(t)
	if n := r.Temperatures[0].Sensor; n != strings.Repeat("ä", 16) {
		t.Errorf("sensor %q", n)
	}
	if r.Boot.Model != "a?b?c" {
		t.Errorf("model %q", r.Boot.Model)
	}
}

func TestAddressErrors(t *testing.T) {
	m := pi.machine(t)
	gone := errors.New("no such interface")
	m.Addresses = func(name string) ([]netip.Prefix, error) { return nil, gone }
	r, err := m.Read()
	if !errors.Is(err, gone) || len(r.Network.Interfaces) != 2 {
		t.Errorf("Read() = %v, %v", r.Network, err)
	}
	// It was pulled meanwhile.
	m.Addresses = func(name string) ([]netip.Prefix, error) {
		if err := os.RemoveAll(filepath.Join(m.Sys, "class/net", name)); err != nil {
			t.Fatal(err)
		}
		return nil, gone
	}
	if _, err := m.Read(); err != nil {
		t.Errorf("Read() when interfaces go = %v", err)
	}
}

// Without physical interfaces, as in a container, the others count; and a route of
// IPv6 alone is a way out.
func TestContainer(t *testing.T) {
	r := pi.plus(tree{
		"sys/class/net/eth0/device/": "", "sys/class/net/wlan0/device/": "",
		"proc/net/route":      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n",
		"proc/net/ipv6_route": strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 fe80000000000000000000000000000f 00000400 00000001 00000000 00000003 eth0\n",
	}).read(t)
	var names []string
	for _, i := range r.Network.Interfaces {
		names = append(names, i.Name)
	}
	if !slices.Equal(names, []string{"docker0", "eth0", "wlan0"}) || !*r.Network.DefaultRoute {
		t.Errorf("network %v, default route %v", names, *r.Network.DefaultRoute)
	}
}

func TestSelf(t *testing.T) {
	p := sensors.Self("seederd")
	if p.Name != "seederd" || p.Goroutines == 0 || p.HeapBytes == 0 || p.GoBytes < p.HeapBytes {
		t.Errorf("Self() = %+v", p)
	}
	if runtime.GOOS == "linux" && (p.Resident == 0 || p.OpenFiles == 0 || p.Started.IsZero() || p.Started.After(time.Now())) {
		t.Errorf("Self() = %+v", p)
	}
}

// FuzzFiles: whatever the files hold, reading does not panic, stays within its bounds
// and gives figures that JSON can carry.
func FuzzFiles(f *testing.F) {
	files := []string{
		"proc/uptime", "proc/stat", "proc/meminfo", "proc/pressure/memory", "proc/net/route", "proc/net/ipv6_route",
		"proc/self/mountinfo", "proc/device-tree/model", "sys/class/thermal/thermal_zone0/temp",
		"sys/devices/platform/soc/soc:firmware/get_throttled", "sys/class/watchdog/watchdog0/bootstatus",
		"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/stat",
		"sys/devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/device/life_time",
	}
	for i, name := range files {
		f.Add(uint8(i), []byte(pi[name]))
		f.Add(uint8(i), []byte("0x0b 99999999999999999999 -1 NaN\n"))
	}
	m := pi.machine(f)
	dir := filepath.Dir(m.Proc)
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		name := files[int(which)%len(files)]
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		r, _ := m.Read()
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		if r.Boot.Uptime < 0 || len(r.Boot.Model) > 32 {
			t.Errorf("boot %+v", r.Boot)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(pi[name], "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	})
}
