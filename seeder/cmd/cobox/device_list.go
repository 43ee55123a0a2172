package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

// A deviceRow is one device of "cobox device list".
type deviceRow struct {
	knownDevice
	ID    identity.DeviceID `json:"id"`
	State string            `json:"state"` // valid, expired or revoked
	Here  bool              `json:"here,omitempty"`
}

// list shows the devices that this computer knows: itself, those that it added,
// and those in the list of revoked devices that others have added.
func (f *deviceFlags) list(c *cli.Call) error {
	if err := f.takes("list"); err != nil {
		return err
	}
	if len(c.Args) > 0 {
		return cli.Misuse("device list takes no arguments")
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	rows, err := h.deviceRows(time.Now())
	if err != nil {
		return err
	}
	if err := c.Print(rows, func(w io.Writer) { printDevices(w, rows) }); err != nil {
		return err
	}
	if h.secret == nil {
		c.Note("which other devices there are is known on the computer that added them")
	}
	return nil
}

func (h *home) deviceRows(now time.Time) ([]deviceRow, error) {
	revoked, _, err := h.readRevoked()
	if err != nil {
		return nil, err
	}
	known, err := h.readDevices()
	if err != nil {
		return nil, err
	}
	self := knownDevice{Name: h.deviceName(), Key: h.about.Device, Scope: h.about.Scope, Spaces: []string{}, Added: h.about.Issued, Until: h.about.NotAfter}
	rows := []deviceRow{{knownDevice: self, Here: true}}
	listed := map[identity.DeviceID]bool{self.Key.ID(): true}
	for _, d := range known {
		rows = append(rows, deviceRow{knownDevice: d})
		listed[d.Key.ID()] = true
	}
	for i := range rows {
		r := &rows[i]
		r.ID, r.State = r.Key.ID(), "valid"
		switch {
		case revoked.Has(r.Key) || !r.Revoked.IsZero():
			r.State = "revoked"
		case !r.Until.IsZero() && now.After(r.Until):
			r.State = "expired"
		}
	}
	for _, d := range revoked.Devices {
		if !listed[d.ID] {
			rows = append(rows, deviceRow{ID: d.ID, State: "revoked"})
		}
	}
	return rows, nil
}

func printDevices(w io.Writer, rows []deviceRow) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		switch {
		case r.Key.IsZero():
			fmt.Fprintf(t, "(added elsewhere)\t%s\t\t\t%s...\n", r.State, r.ID)
		case r.Here:
			fmt.Fprintf(t, "%s (this computer)\t%s\t%s\t%s\t%s\n", r.Name, r.State, r.Scope, dayText(r.Until), r.Key)
		default:
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.State, r.Scope, dayText(r.Until), r.Key, strings.Join(r.Spaces, ", "))
		}
	}
	_ = t.Flush() // errors of w show at the caller's next write
}
