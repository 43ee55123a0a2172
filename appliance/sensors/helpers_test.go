package sensors_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/appliance/sensors"
)

// now is the time of all readings here.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A tree is the files of a made-up /proc and /sys: "-> target" is a symbolic link, and
// a name that ends with a slash is a folder.
type tree map[string]string

// plus returns t with what is in more, "" taking a file away.
func (t tree) plus(more tree) tree {
	all := tree{}
	for _, part := range []tree{t, more} {
		for name, content := range part {
			all[name] = content
			if content == "" {
				delete(all, name)
			}
		}
	}
	return all
}

// machine writes t to a folder, DIR in contents standing for it.
func (t tree) machine(tb testing.TB) *sensors.Machine {
	tb.Helper()
	dir, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	for name, content := range t {
		path := filepath.Join(dir, name)
		content = strings.ReplaceAll(content, "DIR", dir)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		to, link := strings.CutPrefix(content, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(to, path)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return &sensors.Machine{
		Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys"),
		Now:       func() time.Time { return now },
		Addresses: func(string) ([]netip.Prefix, error) { return nil, nil },
		Volumes: []sensors.VolumeAt{
			{Name: "state", Path: filepath.Join(dir, "perm")},
			{Name: "data", Path: filepath.Join(dir, "perm/data"), Mounted: true},
		},
	}
}

// read reads t and expects no trouble.
func (t tree) read(tb testing.TB) sensors.Reading {
	tb.Helper()
	r, err := t.machine(tb).Read()
	if err != nil {
		tb.Fatalf("Read() = %v", err)
	}
	return r
}

// pi is a Raspberry Pi 4 with a card and a disk on USB, as its own kernel shows it.
var pi = tree{
	"proc/uptime":                             "3600.25 14000.00\n",
	"proc/sys/kernel/random/boot_id":          "0c7b1bd5-79f1-4e4a-9f2d-3d5d3f5f1a11\n",
	"proc/sys/kernel/osrelease":               "6.12.1\n",
	"proc/device-tree/model":                  "Raspberry Pi 4 Model B Rev 1.5\x00",
	"proc/device-tree/chosen/bootloader/rsts": "\x00\x00\x10\x00",
	"proc/stat":                               "cpu  1000 200 300 10000 50 10 20 30 0 0\ncpu0 500 100 150 5000 25 5 10 15 0 0\ncpu1 500 100 150 5000 25 5 10 15 0 0\nintr 0\nctxt 5\nbtime 0\nprocesses 9\nprocs_running 1\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
	"proc/meminfo":                            "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\n",
	"proc/pressure/cpu":                       "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"proc/pressure/io":                        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n",
	"proc/pressure/memory":                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"proc/net/route":                          "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
	"proc/self/mountinfo":                     "21 1 179:2 / / ro,relatime - squashfs /dev/root ro\n22 21 179:4 / DIR/perm rw,relatime shared:1 - ext4 /dev/mmcblk0p4 rw\n23 22 8:1 / DIR/perm/data rw,relatime shared:2 - ext4 /dev/sda1 rw\n",
	"perm/data/":                              "folder",
	"sys/class/thermal/thermal_zone0/type":    "cpu-thermal\n",
	"sys/class/thermal/thermal_zone0/temp":    "48312\n",
	"sys/class/thermal/cooling_device0/type":  "fan\n",
	"sys/class/hwmon/hwmon0/name":             "cpu_thermal\n",
	"sys/class/hwmon/hwmon0/temp1_input":      "48312\n",
	"sys/class/hwmon/hwmon1/name":             "rpi_volt\n",
	"sys/class/hwmon/hwmon1/in0_lcrit_alarm":  "1\n",
	"sys/block/loop0/size":                    "8\n",
	"sys/block/mmcblk0":                       "-> ../devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0",
	"sys/devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/size":                "62333952\n",
	"sys/devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/device/type":         "SD\n",
	"sys/devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/stat":                "10 0 100 5 20 0 200 7 0 1234 12 0 0 0 0 0 0\n",
	"sys/devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/mmcblk0p4/partition": "4\n",
	"sys/block/mmcblk0boot0/device/":                                                "folder",
	"sys/block/mmcblk0boot0/size":                                                   "8192\n",
	"sys/block/sda":                                                                 "-> ../devices/platform/scb/pcie/usb2/2-1/host0/block/sda",
	"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/size":                   "1953525168\n",
	"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/device/ioerr_cnt":       "0x5\n",
	"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/stat":                   "1 0 8 5 2 0 16 7 0 60 12\n",
	"sys/devices/platform/scb/pcie/usb2/2-1/host0/block/sda/sda1/partition":         "1\n",
	"sys/dev/block/179:4":                                                           "-> ../../devices/platform/emmc2bus/mmc_host/mmc0/block/mmcblk0/mmcblk0p4",
	"sys/dev/block/8:1":                                                             "-> ../../devices/platform/scb/pcie/usb2/2-1/host0/block/sda/sda1",
	"sys/fs/ext4/mmcblk0p4/errors_count":                                            "0\n",
	"sys/fs/ext4/sda1/errors_count":                                                 "3\n",
	"sys/class/net/lo/operstate":                                                    "unknown\n",
	"sys/class/net/lo/statistics/rx_bytes":                                          "1\n",
	"sys/class/net/docker0/statistics/rx_bytes":                                     "1\n",
	"sys/class/net/eth0/device/":                                                    "folder",
	"sys/class/net/eth0/operstate":                                                  "up\n",
	"sys/class/net/eth0/carrier":                                                    "1\n",
	"sys/class/net/eth0/speed":                                                      "1000\n",
	"sys/class/net/eth0/statistics/rx_bytes":                                        "111\n",
	"sys/class/net/eth0/statistics/tx_bytes":                                        "222\n",
	"sys/class/net/eth0/statistics/rx_errors":                                       "3\n",
	"sys/class/net/eth0/statistics/tx_errors":                                       "4\n",
	"sys/class/net/wlan0/device/":                                                   "folder",
	"sys/class/net/wlan0/operstate":                                                 "down\n",
	"sys/class/net/wlan0/speed":                                                     "-1\n",
	"sys/class/net/wlan0/statistics/rx_bytes":                                       "0\n",
	"sys/class/net/wlan0/statistics/tx_bytes":                                       "0\n",
	"sys/class/net/wlan0/statistics/rx_errors":                                      "0\n",
	"sys/class/net/wlan0/statistics/tx_errors":                                      "0\n",
}
