package smart_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cobox/appliance/sensors"
	"cobox/appliance/smart"

	disk "github.com/anatol/smart.go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func pointer[T any](v T) *T { return &v }

// nvme is what a healthy disk answers, changed.
func nvme(change func(l *disk.NvmeSMARTLog)) smart.Pages {
	l := disk.NvmeSMARTLog{
		Temperature: 313, AvailSpare: 100, SpareThresh: 10, PercentUsed: 3,
		PowerOnHours: disk.Uint128{Val: [2]uint64{8760}}, MediaErrors: disk.Uint128{},
	}
	change(&l)
	return smart.Pages{NVMe: &l}
}

// ata is what a healthy hard disk answers, changed.
func ata(change func(attrs map[uint8]disk.AtaSmartAttr, limits map[uint8]uint8)) smart.Pages {
	attrs := map[uint8]disk.AtaSmartAttr{
		3:   {Id: 3, Current: 90, Name: "Spin_Up_Time"},
		5:   {Id: 5, Flags: disk.AtaAttributeFlagPrefailure, Current: 100, Name: "Reallocated_Sector_Ct", Type: disk.AtaDeviceAttributeTypeRaw16OptRaw16, ValueRaw: 0x7_0000_0002},
		9:   {Id: 9, Current: 90, Name: "Power_On_Hours", Type: disk.AtaDeviceAttributeTypeRaw24OptRaw8, ValueRaw: 0x01_000000 | 1000},
		187: {Id: 187, Current: 100, Name: "Reported_Uncorrect"},
		194: {Id: 194, Current: 60, Name: "Temperature_Celsius", Type: disk.AtaDeviceAttributeTypeTempMinMax, ValueRaw: 0x0000_002d_0014_0023},
		197: {Id: 197, Current: 100, Name: "Current_Pending_Sector"},
		198: {Id: 198, Current: 100, Name: "Offline_Uncorrectable"},
	}
	limits := map[uint8]uint8{3: 21, 5: 36, 9: 0}
	change(attrs, limits)
	return smart.Pages{ATA: &disk.AtaSmartPage{Attrs: attrs}, Thresholds: &disk.AtaSmartThresholdsPage{Thresholds: limits}}
}

func TestPages(t *testing.T) {
	fineNVMe := sensors.Smart{
		Failing: new(bool), Celsius: pointer(40.0), PoweredOn: pointer(8760 * time.Hour), Wear: pointer(0.03), Spare: pointer(1.0), MediaErrors: new(uint64),
	}
	fineATA := sensors.Smart{
		Failing: new(bool), Celsius: pointer(35.0), PoweredOn: pointer(1000 * time.Hour),
		MediaErrors: new(uint64), Reallocated: pointer(uint64(2)), Pending: new(uint64), Uncorrectable: new(uint64),
	}
	with := func(s sensors.Smart, change func(s *sensors.Smart)) sensors.Smart { change(&s); return s }
	for name, c := range map[string]struct {
		pages smart.Pages
		want  sensors.Smart
	}{
		"nvme": {nvme(func(*disk.NvmeSMARTLog) {}), fineNVMe},
		"nvme, spare blocks run out": {
			nvme(func(l *disk.NvmeSMARTLog) { l.CritWarning, l.AvailSpare = 1, 0 }),
			with(fineNVMe, func(s *sensors.Smart) {
				s.Failing, s.Spare, s.Why = pointer(true), new(float64), "its spare blocks run out"
			}),
		},
		"nvme, hot": {
			nvme(func(l *disk.NvmeSMARTLog) { l.CritWarning, l.Temperature = 2, 363 }),
			with(fineNVMe, func(s *sensors.Smart) { s.Celsius = pointer(90.0) }),
		},
		"nvme, read-only and unreliable": {
			nvme(func(l *disk.NvmeSMARTLog) { l.CritWarning, l.PercentUsed = 4|8, 255 }),
			with(fineNVMe, func(s *sensors.Smart) {
				s.Failing, s.Wear, s.Why = pointer(true), pointer(2.55), "it has become unreliable"
			}),
		},
		"nvme that leaves things out": {
			nvme(func(l *disk.NvmeSMARTLog) {
				l.Temperature, l.AvailSpare, l.PowerOnHours.Val[1], l.MediaErrors.Val[1] = 0, 0, 1, 1
			}),
			sensors.Smart{Failing: new(bool), Wear: pointer(0.03)},
		},
		"nvme with absurd figures": {
			nvme(func(l *disk.NvmeSMARTLog) { l.Temperature, l.AvailSpare, l.PowerOnHours.Val[0] = 0xffff, 200, 1<<64-1 }),
			with(fineNVMe, func(s *sensors.Smart) { s.Celsius, s.Spare, s.PoweredOn = nil, nil, nil }),
		},
		"hard disk": {ata(func(map[uint8]disk.AtaSmartAttr, map[uint8]uint8) {}), fineATA},
		"hard disk at its limit": {
			ata(func(_ map[uint8]disk.AtaSmartAttr, limits map[uint8]uint8) { limits[5] = 100 }),
			with(fineATA, func(s *sensors.Smart) { s.Failing, s.Why = pointer(true), "reallocated sector ct" }),
		},
		"hard disk with lost sectors": {
			ata(func(attrs map[uint8]disk.AtaSmartAttr, _ map[uint8]uint8) {
				attrs[197] = disk.AtaSmartAttr{Id: 197, Name: "Total_Pending_Sectors", ValueRaw: 8}
				attrs[187] = disk.AtaSmartAttr{Id: 187, Name: "Reported_Uncorrect", ValueRaw: 3}
			}),
			with(fineATA, func(s *sensors.Smart) { s.Pending, s.MediaErrors = pointer(uint64(8)), pointer(uint64(3)) }),
		},
		"SSD": {
			ata(func(attrs map[uint8]disk.AtaSmartAttr, _ map[uint8]uint8) {
				delete(attrs, 3)
				delete(attrs, 197)
				attrs[198] = disk.AtaSmartAttr{Id: 198, Name: "Not_In_Use", ValueRaw: 5}
				attrs[9] = disk.AtaSmartAttr{Id: 9, Name: "Power_On_Minutes", Type: disk.AtaDeviceAttributeTypeMin2Hour, ValueRaw: 120}
				attrs[202] = disk.AtaSmartAttr{Id: 202, Current: 75, Name: "Percent_Lifetime_Remain"}
			}),
			with(fineATA, func(s *sensors.Smart) {
				s.Pending, s.Uncorrectable, s.PoweredOn, s.Wear = nil, nil, pointer(2*time.Hour), pointer(0.25)
			}),
		},
		"disk without anything": {smart.Pages{ATA: &disk.AtaSmartPage{}}, sensors.Smart{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, look := watch(t, smart.Config{Ask: func(string, sensors.DiskKind) (smart.Pages, error) { return c.pages, nil }})
			look(0)
			got := w.Of("sda")
			if got == nil || got.At.IsZero() {
				t.Fatalf("%s: no answer (%+v)", name, got)
			}
			if diff := cmp.Diff(c.want, *got, cmpopts.IgnoreFields(sensors.Smart{}, "At"), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
}

// watch runs a watch of a disk sda until the test ends. look tells it how many bytes that
// has moved, waits until the answer is there, and returns the disk.
func watch(t *testing.T, cfg smart.Config) (w *smart.Watch, look func(moved uint64) sensors.Disk) {
	w = smart.New(cfg)
	go func() { _ = w.Run(t.Context()) }()
	return w, func(moved uint64) sensors.Disk {
		disks := []sensors.Disk{
			{Name: "mmcblk0", Kind: sensors.SDCard, SizeBytes: 1e9, ReadBytes: moved}, {Name: "sda", Kind: sensors.SCSIDisk, SizeBytes: 1e12, ReadBytes: moved},
		}
		w.Look(disks)
		synctest.Wait()
		if disks[0].Smart != nil {
			t.Error("a card was asked")
		}
		return disks[1]
	}
}

// A disk is asked at once, then every ten minutes while it works, and not while it may be
// asleep.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		_, look := watch(t, smart.Config{Dev: "/d", Ask: func(device string, kind sensors.DiskKind) (smart.Pages, error) {
			if asked++; device != "/d/sda" || kind != sensors.SCSIDisk {
				t.Errorf("asked %s (%s)", device, kind)
			}
			return nvme(func(*disk.NvmeSMARTLog) {}), nil
		}})
		for minute := range 60 {
			look(uint64(minute) * 1000)
			time.Sleep(time.Minute)
		}
		if asked != 6 {
			t.Errorf("a disk at work was asked %d times in an hour", asked)
		}
		for range 60 {
			look(60_000)
			time.Sleep(time.Minute)
		}
		if asked > 7 {
			t.Errorf("a disk that nobody uses was asked %d times in an hour", asked-6)
		}
		d := look(60_001)
		if asked > 8 || d.Smart == nil || d.Wear == nil || *d.Wear != 0.03 {
			t.Errorf("used again: asked %d times, %+v", asked, d)
		}
	})
}

// A disk that does not answer holds nobody up, and is not asked a second time meanwhile.
// One that refuses is left alone soon, until another one is in its place.
func TestSick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, hang := 0, make(chan struct{})
		w, look := watch(t, smart.Config{Ask: func(string, sensors.DiskKind) (smart.Pages, error) {
			asked++
			<-hang
			return smart.Pages{}, errors.New("it is sick")
		}})
		moved := uint64(0)
		for range 60 {
			moved++
			look(moved)
			time.Sleep(time.Minute)
		}
		if asked != 1 || w.Of("sda") != nil {
			t.Errorf("a disk that does not answer was asked %d times", asked)
		}
		close(hang)
		for range 100 {
			moved++
			look(moved)
			time.Sleep(time.Minute)
		}
		if asked != 3 {
			t.Errorf("a disk that refuses was asked %d times", asked)
		}
		look(0) // it has done less than before: another one
		if asked != 4 {
			t.Errorf("another disk: asked %d times", asked)
		}
		w.Look(nil)
		look(1)
		if asked != 5 {
			t.Errorf("a disk that was away: asked %d times", asked)
		}
	})
}

// What is no disk is an error.
func TestNoDisk(t *testing.T) {
	for _, kind := range []sensors.DiskKind{sensors.NVMe, sensors.SCSIDisk} {
		for _, path := range []string{t.TempDir(), "/dev/null", "/dev/none"} {
			if err := smart.AskDriver(path, kind); err == nil {
				t.Errorf("%s answered as a disk (%s)", path, kind)
			}
		}
	}
}
