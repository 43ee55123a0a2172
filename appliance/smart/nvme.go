package smart

import (
	"cobox/appliance/sensors"

	disk "github.com/anatol/smart.go"
)

// The bits of an NVMe disk's critical warning (NVM Express Base Specification 2.0,
// figure 207). That it is hot at present is not among them: it is told by its temperature.
const (
	warnSpare    = 1 << 0
	warnReliable = 1 << 2
	warnReadOnly = 1 << 3
	warnVolatile = 1 << 4
	warnRegion   = 1 << 5
)

// zeroCelsius is in kelvin, as NVMe disks count.
const zeroCelsius = 273

func fromNVMe(s *sensors.Smart, l *disk.NvmeSMARTLog) {
	failing := false
	for _, w := range []struct {
		bit uint8
		why string
	}{
		{warnReliable, "it has become unreliable"}, {warnReadOnly, "it can only be read"}, {warnSpare, "its spare blocks run out"},
		{warnVolatile, "its protection against power cuts has failed"}, {warnRegion, "its persistent memory has failed"},
	} {
		if l.CritWarning&w.bit != 0 && !failing {
			failing, s.Why = true, w.why
		}
	}
	s.Failing = &failing
	if l.Temperature > 0 {
		s.Celsius = celsius(float64(l.Temperature) - zeroCelsius)
	}
	wear := float64(l.PercentUsed) / 100
	s.Wear = &wear
	// None left and no warning of it: such a disk does not count them.
	if l.AvailSpare > 0 && l.AvailSpare <= 100 || l.CritWarning&warnSpare != 0 {
		spare := float64(min(l.AvailSpare, 100)) / 100
		s.Spare = &spare
	}
	if l.PowerOnHours.Val[1] == 0 {
		s.PoweredOn = hours(l.PowerOnHours.Val[0])
	}
	if l.MediaErrors.Val[1] == 0 {
		n := l.MediaErrors.Val[0]
		s.MediaErrors = &n
	}
}
