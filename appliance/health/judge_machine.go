package health

import (
	"cobox/appliance/sensors"
)

// The limits of the checks of the machine.
const (
	// HotCelsius is where a Raspberry Pi begins to slow itself down.
	HotCelsius = 80
	// WarmCelsius leaves room for a summer's day.
	WarmCelsius = 72
	// FullRatio of a file system is where the store takes in nothing more, or soon will.
	FullRatio = 0.03
	// LowRatio leaves time to buy a disk.
	LowRatio = 0.10
	// WornRatio of the writes that a card's maker promised is where to replace it.
	WornRatio = 0.9
)

func judgePower(f *Facts) verdict {
	p := f.Machine.Power
	if p == nil {
		return verdict{PowerUnknown, nil}
	}
	now := func(a *sensors.Alarm) bool { return a != nil && a.Now }
	ever := func(a *sensors.Alarm) bool { return a != nil && a.SinceBoot != nil && *a.SinceBoot }
	switch {
	case now(p.UnderVoltage):
		return verdict{PowerLow, nil}
	case ever(p.UnderVoltage):
		return verdict{PowerWasLow, nil}
	}
	return verdict{PowerFine, nil}
}

func judgeTemperature(f *Facts) verdict {
	list := f.Machine.Temperatures
	if len(list) == 0 {
		return verdict{TemperatureUnknown, nil}
	}
	hottest := list[0]
	for _, t := range list[1:] {
		if t.Celsius > hottest.Celsius {
			hottest = t
		}
	}
	a := args{"sensor": plain(hottest.Sensor), "celsius": Number(hottest.Celsius, 0)}
	switch p := f.Machine.Power; {
	case hottest.Celsius >= HotCelsius:
		return verdict{TemperatureHot, a}
	case p != nil && p.TemperatureLimit != nil && p.TemperatureLimit.Now:
		return verdict{TemperatureHot, a}
	case hottest.Celsius >= WarmCelsius:
		return verdict{TemperatureWarm, a}
	}
	return verdict{TemperatureFine, a}
}

func judgeDisk(f *Facts) verdict {
	if len(f.Machine.Volumes) == 0 {
		return verdict{DiskUnknown, nil}
	}
	for _, v := range f.Machine.Volumes {
		if !v.Present {
			return verdict{DiskAbsent, args{"volume": volumeName(v.Name)}}
		}
	}
	return verdict{DiskPresent, nil}
}

func judgeFilesystem(f *Facts) verdict {
	if len(f.Machine.Volumes) == 0 {
		return verdict{FilesystemUnknown, nil}
	}
	for _, v := range f.Machine.Volumes {
		if v.ReadOnly {
			return verdict{FilesystemReadOnly, args{"volume": volumeName(v.Name)}}
		}
	}
	for _, v := range f.Machine.Volumes {
		if v.Errors != nil && *v.Errors > 0 {
			return verdict{FilesystemErrors, args{"volume": volumeName(v.Name), "count": whole(*v.Errors)}}
		}
	}
	return verdict{FilesystemFine, nil}
}

func judgeWear(f *Facts) verdict {
	worst := verdict{WearUnknown, nil}
	for _, d := range f.Machine.Disks {
		if v := judgeDiskWear(d); findings[v.finding].state.Worse(findings[worst.finding].state) || worst.finding == WearUnknown {
			worst = v
		}
	}
	return worst
}

func judgeDiskWear(d sensors.Disk) verdict {
	a := args{"disk": plain(d.Name)}
	known := d.Wear != nil || d.Reserve != ""
	var lost uint64
	failing := false
	if s := d.Smart; s != nil {
		n, ok := s.Lost()
		lost, failing = n, s.Failing != nil && *s.Failing
		known = known || ok || s.Failing != nil
	}
	switch {
	case failing:
		return verdict{WearFailing, a}
	case d.Reserve == sensors.ReserveUrgent, d.Wear != nil && *d.Wear > 1:
		return verdict{WearOver, a}
	case lost > 0:
		a["count"] = whole(lost)
		return verdict{WearLost, a}
	case d.Reserve == sensors.ReserveWarning, d.Wear != nil && *d.Wear >= WornRatio:
		return verdict{WearHigh, a}
	case known:
		return verdict{WearFine, nil}
	}
	return verdict{WearUnknown, nil}
}

func judgeSpace(f *Facts) verdict {
	var worst *sensors.Volume
	for i, v := range f.Machine.Volumes {
		if v.SizeBytes > 0 && (worst == nil || left(v) < left(*worst)) {
			worst = &f.Machine.Volumes[i]
		}
	}
	if worst == nil {
		return verdict{SpaceUnknown, nil}
	}
	a := args{"volume": volumeName(worst.Name), "free": Size(worst.AvailableBytes), "percent": Number(left(*worst)*100, 0)}
	switch l := left(*worst); {
	case l < FullRatio:
		return verdict{SpaceFull, a}
	case l < LowRatio:
		return verdict{SpaceLow, a}
	}
	return verdict{SpaceFine, a}
}

// left returns the part of a file system that is left, of bytes or of inodes.
func left(v sensors.Volume) float64 {
	l := float64(v.AvailableBytes) / float64(v.SizeBytes)
	if v.Files > 0 {
		l = min(l, float64(v.FilesFree)/float64(v.Files))
	}
	return l
}

func judgeNetwork(f *Facts) verdict {
	n := f.Machine.Network
	if n == nil {
		return verdict{NetworkUnknown, nil}
	}
	known := false
	for _, i := range n.Interfaces {
		if i.Link != nil && *i.Link {
			return verdict{NetworkFine, nil}
		}
		known = known || i.Link != nil
	}
	if !known && len(n.Interfaces) > 0 {
		return verdict{NetworkUnknown, nil}
	}
	return verdict{NetworkDown, nil}
}

func judgeAddress(f *Facts) verdict {
	n := f.Machine.Network
	if n == nil {
		return verdict{AddressUnknown, nil}
	}
	any, routable := false, false
	for _, i := range n.Interfaces {
		for _, p := range i.Addresses {
			a := p.Addr().Unmap()
			if a.IsLoopback() || !a.IsValid() {
				continue
			}
			any = true
			// A machine that gets no answer gives itself a link-local address. Of IPv6
			// each has one anyway.
			routable = routable || !a.IsLinkLocalUnicast()
		}
	}
	switch {
	case !any:
		return verdict{AddressNone, nil}
	case !routable:
		return verdict{AddressLocal, nil}
	case n.DefaultRoute != nil && !*n.DefaultRoute:
		return verdict{AddressNoRoute, nil}
	}
	return verdict{AddressFine, nil}
}
