package smart

import (
	"slices"
	"strings"

	"cobox/appliance/sensors"

	disk "github.com/anatol/smart.go"
)

// The attributes of SATA disks that makers agree on, by number; and what their names
// have to contain, since some makers use the number for something else.
const (
	attrReallocated   = 5
	attrPowerOn       = 9
	attrReported      = 187
	attrAirflow       = 190
	attrTemperature   = 194
	attrPending       = 197
	attrUncorrectable = 198
)

// remaining are the names of attributes whose normalised value is the rest of an SSD's
// life in percent, the best known first.
var remaining = [...]string{
	"Percent_Lifetime_Remain", "Perc_Rated_Life_Remain", "Percent_Life_Remaining", "Remaining_Lifetime_Perc", "SSD_Life_Left", "SSD_Life_Left_Perc",
	"Lifetime_Left", "Media_Wearout_Indicator", "Wear_Leveling_Count",
}

// spinning are attributes that only disks with platters have. The list of names does not
// tell them from SSDs, which use some numbers for other things.
var spinning = [...]uint8{3, 7, 10, 191, 193}

func fromATA(s *sensors.Smart, p *disk.AtaSmartPage, thresholds *disk.AtaSmartThresholdsPage) {
	s.Reallocated = attrCount(p, attrReallocated, "Reallocated_Sector")
	s.Pending = attrCount(p, attrPending, "Pending")
	s.Uncorrectable = attrCount(p, attrUncorrectable, "Uncorrect")
	s.MediaErrors = attrCount(p, attrReported, "Uncorrect")
	for _, id := range []uint8{attrTemperature, attrAirflow} {
		if a, ok := p.Attrs[id]; ok && s.Celsius == nil && strings.Contains(a.Name, "Temp") {
			s.Celsius = ataCelsius(a)
		}
	}
	if a, ok := p.Attrs[attrPowerOn]; ok && strings.HasPrefix(a.Name, "Power_On") {
		if d, err := a.ParseAsDuration(); err == nil {
			s.PoweredOn = hours(uint64(d.Hours()))
		} else {
			s.PoweredOn = hours(a.ValueRaw & 0xffffff)
		}
	}
	if !slices.ContainsFunc(spinning[:], func(id uint8) bool { _, ok := p.Attrs[id]; return ok }) {
		s.Wear = ataWear(p)
	}
	if thresholds != nil {
		s.Failing, s.Why = ataFailing(p, thresholds)
	}
}

// attrCount returns what an attribute counts; nil when the disk has it not, or uses its
// number for something else.
func attrCount(p *disk.AtaSmartPage, id uint8, name string) *uint64 {
	a, ok := p.Attrs[id]
	if !ok || !strings.Contains(a.Name, name) {
		return nil
	}
	n := a.ValueRaw
	if a.Type == disk.AtaDeviceAttributeTypeRaw16OptRaw16 {
		n &= 0xffff
	}
	return &n
}

func ataCelsius(a disk.AtaSmartAttr) *float64 {
	v, _, _, _, err := a.ParseAsTemperature()
	if err != nil {
		v = int(int8(a.VendorBytes[0]))
	}
	return celsius(float64(v))
}

func ataWear(p *disk.AtaSmartPage) *float64 {
	for _, name := range remaining {
		for _, a := range p.Attrs {
			if a.Name == name && a.Current > 0 && a.Current <= 100 {
				wear := 1 - float64(a.Current)/100
				return &wear
			}
		}
	}
	return nil
}

// ataFailing says whether an attribute that foretells a failure is where its maker set
// the limit.
func ataFailing(p *disk.AtaSmartPage, thresholds *disk.AtaSmartThresholdsPage) (failing *bool, why string) {
	failing = new(bool)
	for _, a := range p.Attrs {
		limit := thresholds.Thresholds[a.Id]
		// 0 never and 254 always fails: both are for the makers' own trials.
		if a.Flags&disk.AtaAttributeFlagPrefailure == 0 || limit == 0 || limit >= 254 || a.Current == 0 || a.Current > limit {
			continue
		}
		if name := strings.ToLower(strings.ReplaceAll(a.Name, "_", " ")); !*failing || name < why { // always the same one
			*failing, why = true, name
		}
	}
	return failing, why
}
