package health_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/seeder/pin"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pointer[T any](v T) *T { return &v }

// fine are the facts of a box without any trouble.
func fine() health.Facts {
	return health.Facts{
		At: now,
		Machine: sensors.Reading{
			Power:        &sensors.Power{UnderVoltage: &sensors.Alarm{SinceBoot: new(bool)}},
			Temperatures: []sensors.Temperature{{Sensor: "cpu-thermal", Celsius: 48.3}, {Sensor: "nvme", Celsius: 40}},
			Disks:        []sensors.Disk{{Name: "mmcblk0", Wear: pointer(0.2), Reserve: sensors.ReserveNormal}},
			Volumes: []sensors.Volume{
				{Name: health.StateVolume, Present: true, SizeBytes: 1e9, AvailableBytes: 9e8, Errors: new(uint64)},
				{Name: health.DataVolume, Present: true, SizeBytes: 1e12, AvailableBytes: 5e11, Files: 100, FilesFree: 60},
			},
			Network: &sensors.Network{
				DefaultRoute: pointer(true),
				Interfaces: []sensors.Interface{
					{Name: "eth0", Link: pointer(true), Addresses: []netip.Prefix{
						netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("192.168.1.7/24"),
					}},
					{Name: "wlan0", Link: pointer(false)},
				},
			},
		},
		Clock:    health.Clock{NotBefore: now.Add(-1000 * time.Hour), Offset: pointer(10 * time.Millisecond), Compared: now.Add(-time.Hour)},
		Reach:    health.Direct,
		Update:   health.Settled,
		Operator: health.Operator{Paired: true, Seen: now.Add(-3 * time.Hour)},
		Seeder: &health.Seeder{
			Answers: true,
			Scrub:   health.Scrub{Since: now.Add(-5000 * time.Hour), Finished: now.Add(-100 * time.Hour)},
			Pins:    health.Pins{ByState: map[pin.State]int{pin.Complete: 7}},
		},
	}
}

// findings returns the finding of each check.
func findings(r health.Report) map[health.Check]health.Finding {
	all := make(map[health.Check]health.Finding)
	for _, result := range r.Checks {
		all[result.Check] = result.Finding
	}
	return all
}

func TestFine(t *testing.T) {
	r := health.Examine(fine())
	if r.State != health.OK || len(r.Trouble()) != 0 || len(r.Checks) != len(health.Checks()) {
		t.Errorf("Examine() of a fine box: %s, %+v", r.State, r.Trouble())
	}
	for i, result := range r.Checks {
		if result.State != health.OK || result.Check != health.Checks()[i] || !result.Since.Equal(now) || result.By != "" {
			t.Errorf("%s: %+v", result.Check, result)
		}
	}
}

// story is a change to a fine box, and what is found then.
type story struct {
	change func(f *health.Facts)
	check  health.Check
	want   health.Finding
	state  health.State
	en, de string // what the sentences contain
}

var stories = []story{
	{func(f *health.Facts) { f.Machine.Power.UnderVoltage.Now = true }, health.CheckPower, health.PowerLow, health.Failed, "too low", "zu niedrig"},
	{func(f *health.Facts) { *f.Machine.Power.UnderVoltage.SinceBoot = true }, health.CheckPower, health.PowerWasLow, health.Warning, "", ""},
	{func(f *health.Facts) { f.Machine.Power = nil }, health.CheckPower, health.PowerUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Temperatures[1].Celsius = 80 }, health.CheckTemperature, health.TemperatureHot, health.Failed, "nvme is at 80 °C", "nvme hat 80 °C"},
	{func(f *health.Facts) { f.Machine.Temperatures[0].Celsius = 79.4 }, health.CheckTemperature, health.TemperatureWarm, health.Warning, "79 °C", "79 °C"},
	{func(f *health.Facts) { f.Machine.Power.TemperatureLimit = &sensors.Alarm{Now: true} }, health.CheckTemperature, health.TemperatureHot, health.Failed, "48 °C", ""},
	{func(f *health.Facts) { f.Machine.Temperatures = nil }, health.CheckTemperature, health.TemperatureUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Volumes[1] = sensors.Volume{Name: health.DataVolume} }, health.CheckDisk, health.DiskAbsent, health.Failed, "the data disk", "der Datenträger"},
	{func(f *health.Facts) { f.Machine.Volumes[0] = sensors.Volume{Name: "photos"} }, health.CheckDisk, health.DiskAbsent, health.Failed, `the disk "photos"`, "„photos“"},
	{func(f *health.Facts) { f.Machine.Volumes = nil }, health.CheckDisk, health.DiskUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Volumes = nil }, health.CheckFilesystem, health.FilesystemUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Volumes = nil }, health.CheckSpace, health.SpaceUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Volumes[0].ReadOnly = true }, health.CheckFilesystem, health.FilesystemReadOnly, health.Failed, "the system card", "die Systemkarte"},
	{func(f *health.Facts) { *f.Machine.Volumes[0].Errors = 2 }, health.CheckFilesystem, health.FilesystemErrors, health.Warning, "2 errors", "2 Fehler"},
	{func(f *health.Facts) { *f.Machine.Disks[0].Wear = 0.9 }, health.CheckWear, health.WearHigh, health.Warning, "mmcblk0", "mmcblk0"},
	{func(f *health.Facts) { *f.Machine.Disks[0].Wear = 1.1 }, health.CheckWear, health.WearOver, health.Failed, "", ""},
	{func(f *health.Facts) { f.Machine.Disks[0].Reserve = sensors.ReserveWarning }, health.CheckWear, health.WearHigh, health.Warning, "", ""},
	{func(f *health.Facts) { f.Machine.Disks[0].Reserve = sensors.ReserveUrgent }, health.CheckWear, health.WearOver, health.Failed, "", ""},
	{func(f *health.Facts) { f.Machine.Disks[0].Smart = &sensors.Smart{Failing: pointer(true)} }, health.CheckWear, health.WearFailing, health.Failed, "mmcblk0 says", "mmcblk0 meldet"},
	{func(f *health.Facts) {
		f.Machine.Disks = append(f.Machine.Disks, sensors.Disk{Name: "sda", Smart: &sensors.Smart{Pending: pointer(uint64(8)), MediaErrors: pointer(uint64(2))}})
	}, health.CheckWear, health.WearLost, health.Warning, "sda cannot read 8 places", "sda kann 8 Stellen"},
	{func(f *health.Facts) {
		*f.Machine.Disks[0].Wear = 0.9
		f.Machine.Disks = append(f.Machine.Disks, sensors.Disk{Name: "sda", Smart: &sensors.Smart{Failing: pointer(true)}})
	}, health.CheckWear, health.WearFailing, health.Failed, "sda", "sda"},
	{func(f *health.Facts) { // over its life and losing sectors: what is worse is said
		f.Machine.Disks[0] = sensors.Disk{Name: "sda", Wear: pointer(1.2), Smart: &sensors.Smart{MediaErrors: pointer(uint64(1))}}
	}, health.CheckWear, health.WearOver, health.Failed, "", ""},
	{func(f *health.Facts) {
		f.Machine.Disks[0] = sensors.Disk{Name: "sda", Smart: &sensors.Smart{Failing: new(bool), Reallocated: pointer(uint64(3))}}
	}, health.CheckWear, health.WearFine, health.OK, "", ""},
	{func(f *health.Facts) {
		f.Machine.Disks[0] = sensors.Disk{Name: "sda", Smart: &sensors.Smart{Celsius: pointer(30.0)}}
	}, health.CheckWear, health.WearUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Disks[0] = sensors.Disk{Name: "sda"} }, health.CheckWear, health.WearUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Volumes[1].AvailableBytes = 99_900_000_000 }, health.CheckSpace, health.SpaceLow, health.Warning, "99.9 GB (10 %)", "99,9 GB (10 %)"},
	{func(f *health.Facts) { f.Machine.Volumes[1].AvailableBytes = 29_000_000_000 }, health.CheckSpace, health.SpaceFull, health.Failed, "29.0 GB", "29,0 GB"},
	{func(f *health.Facts) { f.Machine.Volumes[1].FilesFree = 2 }, health.CheckSpace, health.SpaceFull, health.Failed, "(2 %)", ""},
	{func(f *health.Facts) { f.Machine.Network.Interfaces[0].Link = pointer(false) }, health.CheckNetwork, health.NetworkDown, health.Failed, "cable", "Kabel"},
	{func(f *health.Facts) { f.Machine.Network.Interfaces = nil }, health.CheckNetwork, health.NetworkDown, health.Failed, "", ""},
	{func(f *health.Facts) { f.Machine.Network = nil }, health.CheckNetwork, health.NetworkUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Network = nil }, health.CheckAddress, health.AddressUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) {
		f.Machine.Network.Interfaces = []sensors.Interface{{Name: "tun0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}}
	}, health.CheckNetwork, health.NetworkUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Machine.Network.Interfaces[0].Addresses = nil }, health.CheckAddress, health.AddressNone, health.Failed, "", ""},
	{func(f *health.Facts) {
		f.Machine.Network.Interfaces[0].Addresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), {}}
	}, health.CheckAddress, health.AddressNone, health.Failed, "", ""},
	{func(f *health.Facts) {
		f.Machine.Network.Interfaces[0].Addresses[1] = netip.MustParsePrefix("169.254.3.4/16")
	}, health.CheckAddress, health.AddressLocal, health.Failed, "DHCP", "DHCP"},
	{func(f *health.Facts) { *f.Machine.Network.DefaultRoute = false }, health.CheckAddress, health.AddressNoRoute, health.Warning, "", ""},
	{func(f *health.Facts) { f.At = now.Add(-2000 * time.Hour) }, health.CheckClock, health.ClockPast, health.Failed, "8 December 2025", "08.12.2025"},
	{func(f *health.Facts) { *f.Clock.Offset = -61 * time.Minute }, health.CheckClock, health.ClockWrong, health.Failed, "1 hour", "1 Stunde"},
	{func(f *health.Facts) { *f.Clock.Offset = 7 * time.Second }, health.CheckClock, health.ClockDrifts, health.Warning, "7 s", "7 s"},
	{func(f *health.Facts) { f.Clock.Offset = nil }, health.CheckClock, health.ClockNever, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Clock.Compared = now.Add(-49 * time.Hour) }, health.CheckClock, health.ClockUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Seeder = &health.Seeder{} }, health.CheckSeeder, health.SeederSilent, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder = nil }, health.CheckSeeder, health.SeederUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Seeder = nil }, health.CheckStore, health.StoreUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Seeder = nil }, health.CheckScrub, health.ScrubUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Seeder = nil }, health.CheckPins, health.PinsUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = health.StoreDamaged }, health.CheckStore, health.StoreIsDamaged, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = health.StoreNewer }, health.CheckStore, health.StoreIsNewer, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = health.StoreForeign }, health.CheckStore, health.StoreIsForeign, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = health.StoreGone }, health.CheckStore, health.StoreIsGone, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = health.StoreMoving }, health.CheckStore, health.StoreMoves, health.Warning, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = health.StoreOther }, health.CheckStore, health.StoreClosed, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder.Store = "a word from a newer seeder" }, health.CheckStore, health.StoreClosed, health.Failed, "", ""},
	{func(f *health.Facts) { f.Seeder.Errors = 12 }, health.CheckStore, health.StoreErrors, health.Warning, "12 errors", "12 Fehler"},
	{func(f *health.Facts) { f.Seeder.Scrub.Damaged = 3 }, health.CheckScrub, health.ScrubDamage, health.Failed, "3 blocks", "3 Blöcke"},
	{func(f *health.Facts) { f.Seeder.Scrub.Finished = now.Add(-61 * 24 * time.Hour) }, health.CheckScrub, health.ScrubLate, health.Warning, "61 days", "61 Tagen"},
	{func(f *health.Facts) { f.Seeder.Scrub.Finished = time.Time{} }, health.CheckScrub, health.ScrubLate, health.Warning, "", ""},
	{func(f *health.Facts) { f.Seeder.Scrub = health.Scrub{Since: now} }, health.CheckScrub, health.ScrubFirst, health.OK, "", ""},
	{func(f *health.Facts) { f.Seeder.Scrub = health.Scrub{} }, health.CheckScrub, health.ScrubNothing, health.OK, "", ""},
	{func(f *health.Facts) {}, health.CheckScrub, health.ScrubClean, health.OK, "4 days ago", "Vor 4 Tagen"},
	{func(f *health.Facts) { f.Reach = health.HolePunched }, health.CheckReach, health.ReachHolePunched, health.OK, "", ""},
	{func(f *health.Facts) { f.Reach = health.Relayed }, health.CheckReach, health.ReachRelayed, health.Warning, "4001", "4001"},
	{func(f *health.Facts) { f.Reach = health.Unreachable }, health.CheckReach, health.ReachNone, health.Failed, "", ""},
	{func(f *health.Facts) { f.Reach = health.UnknownReach }, health.CheckReach, health.ReachUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Seeder.Pins.ByState[pin.Frozen] = 1 }, health.CheckPins, health.PinsFrozen, health.Failed, "1 are", ""},
	{func(f *health.Facts) { f.Seeder.Pins.ByState[pin.OverQuota] = 2 }, health.CheckPins, health.PinsOverQuota, health.Warning, "", ""},
	{func(f *health.Facts) {
		f.Seeder.Pins = health.Pins{ByState: map[pin.State]int{pin.Stalled: 2, pin.Replicating: 1}, Behind: 50 * time.Hour}
	}, health.CheckPins, health.PinsLate, health.Warning, "3 are incomplete, one for 2 days", "3 sind unvollständig, eine seit 2 Tagen"},
	{func(f *health.Facts) { f.Seeder.Pins.ByState[pin.Queued] = 2 }, health.CheckPins, health.PinsComing, health.OK, "2 are", ""},
	{func(f *health.Facts) { f.Seeder.Pins = health.Pins{} }, health.CheckPins, health.PinsNone, health.OK, "", ""},
	{func(f *health.Facts) { f.Operator = health.Operator{} }, health.CheckOperator, health.OperatorNone, health.Warning, "coboxctl pair", "coboxctl pair"},
	{func(f *health.Facts) { f.Operator.Seen = time.Time{} }, health.CheckOperator, health.OperatorUnknown, health.Unknown, "", ""},
	{func(f *health.Facts) { f.Operator.Seen = now.Add(-31 * 24 * time.Hour) }, health.CheckOperator, health.OperatorUnseen, health.Warning, "31 days", "31 Tagen"},
	{func(f *health.Facts) { f.Update = health.Trial }, health.CheckUpdate, health.UpdateTrial, health.OK, "", ""},
	{func(f *health.Facts) { f.Update = health.NoUpdate }, health.CheckUpdate, health.UpdateNone, health.OK, "", ""},
	{func(f *health.Facts) { f.Update = health.RolledBack }, health.CheckUpdate, health.UpdateRolledBack, health.Warning, "", ""},
}

func TestStories(t *testing.T) {
	seen := map[health.Finding]bool{}
	for _, f := range findings(health.Examine(fine())) {
		seen[f] = true
	}
	for _, s := range stories {
		facts := fine()
		s.change(&facts)
		r := health.Examine(facts)
		got, ok := r.Find(s.check)
		seen[got.Finding] = true
		if !ok || got.Finding != s.want || got.State != s.state {
			t.Errorf("%s: %s (%s), want %s (%s)", s.check, got.Finding, got.State, s.want, s.state)
			continue
		}
		if !strings.Contains(got.Text.EN, s.en) || !strings.Contains(got.Text.DE, s.de) {
			t.Errorf("%s says %q and %q, want %q and %q in them", s.want, got.Text.EN, got.Text.DE, s.en, s.de)
		}
		want := s.state
		if want == health.Unknown {
			want = health.OK // what a box cannot know is no reason to call a person
		}
		if r.State != want {
			t.Errorf("%s: the box is %s", s.want, r.State)
		}
	}
	seen[health.BlockedBy] = true
	for _, f := range health.Findings() {
		if !seen[f] {
			t.Errorf("no story finds %s", f)
		}
	}
}

// Every sentence says what is wrong and what to do, in both languages, with all its
// figures filled in.
func TestSentences(t *testing.T) {
	reports := []health.Report{health.Examine(fine()), health.Examine(health.Facts{})}
	for _, s := range stories {
		facts := fine()
		s.change(&facts)
		reports = append(reports, health.Examine(facts))
	}
	hole := regexp.MustCompile(`[{}]|  |%!`)
	for _, r := range reports {
		for _, result := range r.Checks {
			for _, text := range []string{result.Text.EN, result.Text.DE, result.Title.EN, result.Title.DE} {
				if text == "" || hole.MatchString(text) {
					t.Errorf("%s, %s: %q", result.Check, result.Finding, text)
				}
			}
			for _, text := range []string{result.Text.EN, result.Text.DE} {
				advice := regexp.MustCompile(`[:;] `).MatchString(text)
				if !strings.HasSuffix(text, ".") || strings.Count(text, ". ") > 0 {
					t.Errorf("%s is not one sentence: %q", result.Finding, text)
				}
				if (result.State == health.Failed || result.State == health.Warning) && !advice {
					t.Errorf("%s does not say what to do: %q", result.Finding, text)
				}
			}
		}
	}
}

// blocked returns the checks that are blocked, and by what.
func blocked(r health.Report) map[health.Check]health.Check {
	all := make(map[health.Check]health.Check)
	for _, result := range r.Checks {
		if result.State == health.Blocked {
			all[result.Check] = result.By
		}
	}
	return all
}

func TestBlocked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *health.Facts)
		want   map[health.Check]health.Check
	}{
		{"disk gone", func(f *health.Facts) {
			f.Machine.Volumes[1] = sensors.Volume{Name: health.DataVolume}
			f.Seeder.Store = health.StoreOther
		}, map[health.Check]health.Check{
			"filesystem": "disk", "wear": "disk", "space": "disk", "store": "disk", "scrub": "disk", "pins": "disk",
		}},
		{"cable out", func(f *health.Facts) { f.Machine.Network.Interfaces = nil }, map[health.Check]health.Check{
			"address": "network", "clock": "network", "reach": "network", "pins": "network", "operator": "network",
		}},
		{"seeder dead", func(f *health.Facts) { f.Seeder = &health.Seeder{} }, map[health.Check]health.Check{
			"store": "seeder", "scrub": "seeder", "reach": "seeder", "pins": "seeder",
		}},
		{"disk full", func(f *health.Facts) {
			f.Machine.Volumes[1].AvailableBytes = 0
			f.Seeder.Pins.ByState[pin.OverQuota] = 1
		}, map[health.Check]health.Check{"pins": "space"}},
		{"a warning blocks nothing", func(f *health.Facts) { *f.Machine.Volumes[0].Errors = 1 }, map[health.Check]health.Check{}},
	} {
		f := fine()
		c.change(&f)
		r := health.Examine(f)
		if diff := cmp.Diff(c.want, blocked(r)); diff != "" {
			t.Errorf("%s: blocked (-want +got):\n%s", c.name, diff)
		}
		if n := len(r.Trouble()); n != 1 {
			t.Errorf("%s: %d troubles, want 1: %+v", c.name, n, r.Trouble())
		}
	}
}

// The tree hangs together: each check stands below one that comes before it.
func TestTree(t *testing.T) {
	place := map[health.Check]int{}
	for i, result := range health.Examine(fine()).Checks {
		if up, ok := place[result.Under]; result.Under != "" && (!ok || up >= i) {
			t.Errorf("%s stands under %s, which does not come before it", result.Check, result.Under)
		}
		if _, twice := place[result.Check]; twice {
			t.Errorf("%s comes twice", result.Check)
		}
		place[result.Check] = i
	}
}

// Facts that nobody knows are neither good nor bad.
func TestNothingKnown(t *testing.T) {
	r := health.Examine(health.Facts{})
	if diff := cmp.Diff([]health.Check{health.CheckOperator}, checksOf(r.Trouble())); diff != "" {
		t.Errorf("troubles of a box of which nothing is known, but that it is not paired (-want +got):\n%s", diff)
	}
}

func checksOf(results []health.Result) []health.Check {
	var list []health.Check
	for _, result := range results {
		list = append(list, result.Check)
	}
	return list
}

func TestTroubleInOrder(t *testing.T) {
	f := fine()
	*f.Machine.Power.UnderVoltage.SinceBoot = true
	f.Machine.Temperatures[0].Celsius = 90
	f.Seeder.Scrub.Damaged = 1
	f.Update = health.RolledBack
	want := []health.Check{health.CheckTemperature, health.CheckScrub, health.CheckPower, health.CheckUpdate}
	if diff := cmp.Diff(want, checksOf(health.Examine(f).Trouble())); diff != "" {
		t.Errorf("Trouble() (-want +got):\n%s", diff)
	}
}

func TestAfter(t *testing.T) {
	first := health.Examine(fine()).After(health.Report{})
	later := fine()
	later.At = now.Add(time.Hour)
	later.Update = health.RolledBack
	second := health.Examine(later).After(first)
	later.At = now.Add(2 * time.Hour)
	third := health.Examine(later).After(second)
	for check, want := range map[health.Check]time.Time{health.CheckPower: now, health.CheckUpdate: now.Add(time.Hour)} {
		if got, _ := third.Find(check); !got.Since.Equal(want) {
			t.Errorf("%s is so since %v, want %v", check, got.Since, want)
		}
	}
	// A clock that was set back is no reason to say that something began in the future.
	later.At = now.Add(-time.Hour)
	fourth := health.Examine(later).After(third)
	if got, _ := fourth.Find(health.CheckPower); got.Since.After(later.At) {
		t.Errorf("power is fine since %v, after now (%v)", got.Since, later.At)
	}
}

func TestJSON(t *testing.T) {
	f := fine()
	f.Machine.Volumes[1] = sensors.Volume{Name: health.DataVolume}
	r := health.Examine(f)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back health.Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("report after JSON (-want +got):\n%s", diff)
	}
	space, _ := r.Find(health.CheckSpace)
	got, err := json.Marshal(space)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"check":"space","under":"disk","state":"blocked","blockedBy":"disk","finding":"blocked",` +
		`"title":{"en":"space","de":"Speicherplatz"},"text":{"en":"This cannot be told before “disk” is put right: look there first.",` +
		`"de":"Das lässt sich erst sagen, wenn „Datenträger“ in Ordnung ist: bitte zuerst dort nachsehen."},"since":"2026-03-01T12:00:00Z"}`
	if string(got) != want {
		t.Errorf("JSON is\n%s, want\n%s", got, want)
	}
}

func TestLanguages(t *testing.T) {
	text := health.Text{EN: "disk", DE: "Datenträger"}
	for tag, want := range map[string]string{"de": "Datenträger", "DE-at": "Datenträger", "en": "disk", "": "disk", "fr-CH": "disk", "den": "disk"} {
		if got := text.In(tag); got != want {
			t.Errorf("In(%q) = %q, want %q", tag, got, want)
		}
	}
}

func TestWorse(t *testing.T) {
	for i, a := range health.States {
		for j, b := range health.States {
			if got := a.Worse(b); got != (i > j) {
				t.Errorf("%s.Worse(%s) = %v", a, b, got)
			}
		}
	}
}
