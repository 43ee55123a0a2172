package smart

import (
	"errors"
	"time"

	"cobox/appliance/sensors"

	disk "github.com/anatol/smart.go"
)

// Pages are what a disk answers, in the form of its kind; the others are nil.
type Pages struct {
	NVMe       *disk.NvmeSMARTLog
	ATA        *disk.AtaSmartPage
	Thresholds *disk.AtaSmartThresholdsPage // nil when it does not give them
}

// ask asks a disk by its driver.
func ask(device string, kind sensors.DiskKind) (p Pages, err error) {
	if kind == sensors.NVMe {
		d, err := disk.OpenNVMe(device)
		if err != nil {
			return Pages{}, err
		}
		p.NVMe, err = d.ReadSMART()
		return p, errors.Join(err, d.Close())
	}
	d, err := disk.OpenSata(device)
	if err != nil {
		return Pages{}, err
	}
	if p.ATA, err = d.ReadSMARTData(); err == nil {
		if t, err := d.ReadSMARTThresholds(); err == nil { // it tells the rest without them
			p.Thresholds = t
		}
	}
	return p, errors.Join(err, d.Close())
}

// smart reads the pages.
func (p Pages) smart() (s sensors.Smart) {
	if p.NVMe != nil {
		fromNVMe(&s, p.NVMe)
	}
	if p.ATA != nil {
		fromATA(&s, p.ATA, p.Thresholds)
	}
	return s
}

// celsius leaves out what no disk survives: a sensor that is not there shows it.
func celsius(v float64) *float64 {
	if v < -60 || v > 150 || v == 0 {
		return nil
	}
	return &v
}

// maxHours is a century: what is more was never counted.
const maxHours = 100 * 366 * 24

func hours(n uint64) *time.Duration {
	if n > maxHours {
		return nil
	}
	d := time.Duration(n) * time.Hour
	return &d
}
