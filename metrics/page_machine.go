package metrics

import (
	"strings"

	"cobox/appliance/sensors"
)

// toValid makes s valid UTF-8, without which a metric cannot be made.
func toValid(s string) string { return strings.ToValidUTF8(s, "?") }

func (p page) machine(s *Snapshot) {
	m := s.Machine
	if c := m.CPU; c != nil {
		p.put("cobox_cpu_cores", float64(c.Count))
		for _, mode := range []struct {
			name    string
			seconds float64
		}{{"user", c.User}, {"system", c.System}, {"iowait", c.IOWait}, {"steal", c.Steal}, {"idle", c.Idle}} {
			p.put("cobox_cpu_seconds_total", mode.seconds, mode.name)
		}
	}
	if m.Memory != nil {
		p.putUint("cobox_memory_size_bytes", m.Memory.SizeBytes)
		p.putUint("cobox_memory_available_bytes", m.Memory.AvailableBytes)
	}
	for _, stall := range m.Pressure {
		p.put("cobox_pressure_stall_seconds_total", stall.Some.Seconds(), stall.Resource, "some")
		if stall.Full != nil {
			p.put("cobox_pressure_stall_seconds_total", stall.Full.Seconds(), stall.Resource, "full")
		}
	}
	for _, t := range m.Temperatures {
		p.put("cobox_temperature_celsius", t.Celsius, clip(t.Sensor))
	}
	p.power(m.Power)
	model := s.Power
	if model == nil {
		model = PowerModelOf(m.Boot.Model)
	}
	if model != nil {
		if joules, ok := model.Joules(m); ok {
			p.put("cobox_energy_estimated_joules_total", joules)
		}
	}
}

func (p page) power(power *sensors.Power) {
	if power == nil {
		return
	}
	for _, a := range []struct {
		name  string
		alarm *sensors.Alarm
	}{
		{"under-voltage", power.UnderVoltage},
		{"frequency-capped", power.FrequencyCapped},
		{"throttled", power.Throttled},
		{"temperature-limit", power.TemperatureLimit},
	} {
		if a.alarm == nil {
			continue
		}
		p.putBool("cobox_power_alarm", a.alarm.Now, a.name)
		if a.alarm.SinceBoot != nil {
			p.putBool("cobox_power_alarm_since_boot", *a.alarm.SinceBoot, a.name)
		}
	}
}

func (p page) disks(s *Snapshot) {
	for _, d := range s.Machine.Disks {
		name := clip(d.Name)
		p.put("cobox_disk_info", 1, name, string(d.Kind))
		p.putUint("cobox_disk_size_bytes", d.SizeBytes, name)
		p.putUint("cobox_disk_read_bytes_total", d.ReadBytes, name)
		p.putUint("cobox_disk_written_bytes_total", d.WrittenBytes, name)
		p.put("cobox_disk_busy_seconds_total", d.Busy.Seconds(), name)
		if d.Errors != nil {
			p.putUint("cobox_disk_errors_total", *d.Errors, name)
		}
		if d.Wear != nil {
			p.put("cobox_disk_wear_ratio", *d.Wear, name)
		}
		switch d.Reserve {
		case sensors.ReserveNormal:
			p.put("cobox_disk_reserve_used_ratio", 0, name)
		case sensors.ReserveWarning:
			p.put("cobox_disk_reserve_used_ratio", 0.8, name)
		case sensors.ReserveUrgent:
			p.put("cobox_disk_reserve_used_ratio", 0.9, name)
		}
		if d.Smart != nil {
			p.smart(name, d.Smart)
		}
	}
	for _, v := range s.Machine.Volumes {
		name := clip(v.Name)
		p.putBool("cobox_volume_present", v.Present, name)
		if !v.Present || v.SizeBytes == 0 {
			continue
		}
		p.putUint("cobox_volume_size_bytes", v.SizeBytes, name)
		p.putUint("cobox_volume_available_bytes", v.AvailableBytes, name)
		p.putBool("cobox_volume_read_only", v.ReadOnly, name)
		if v.Files > 0 {
			p.putUint("cobox_volume_files", v.Files, name)
			p.putUint("cobox_volume_files_free", v.FilesFree, name)
		}
		if v.Errors != nil {
			p.putUint("cobox_volume_errors", *v.Errors, name)
		}
	}
}

// smart shows what a disk says of itself; its wear is among the disk's own figures.
func (p page) smart(disk string, s *sensors.Smart) {
	p.putTime("cobox_disk_smart_timestamp_seconds", s.At, disk)
	if s.Failing != nil {
		p.putBool("cobox_disk_failing", *s.Failing, disk)
	}
	if s.Celsius != nil {
		p.put("cobox_disk_temperature_celsius", *s.Celsius, disk)
	}
	if s.PoweredOn != nil {
		p.put("cobox_disk_power_on_seconds", s.PoweredOn.Seconds(), disk)
	}
	if s.Spare != nil {
		p.put("cobox_disk_spare_ratio", *s.Spare, disk)
	}
	if s.MediaErrors != nil {
		p.putUint("cobox_disk_media_errors", *s.MediaErrors, disk)
	}
	for _, of := range []struct {
		kind  string
		count *uint64
	}{{"reallocated", s.Reallocated}, {"pending", s.Pending}, {"uncorrectable", s.Uncorrectable}} {
		if of.count != nil {
			p.putUint("cobox_disk_bad_sectors", *of.count, disk, of.kind)
		}
	}
}

func (p page) network(s *Snapshot) {
	if s.Machine.Network == nil {
		return
	}
	for _, i := range s.Machine.Network.Interfaces {
		name := clip(i.Name)
		if i.Link != nil {
			p.putBool("cobox_network_link", *i.Link, name)
		}
		if i.BitsPerSecond > 0 {
			p.putUint("cobox_network_speed_bytes_per_second", i.BitsPerSecond/8, name)
		}
		addresses := 0
		for _, a := range i.Addresses {
			if !a.Addr().IsLinkLocalUnicast() {
				addresses++
			}
		}
		p.put("cobox_network_addresses", float64(addresses), name)
		p.putUint("cobox_network_received_bytes_total", i.ReceivedBytes, name)
		p.putUint("cobox_network_sent_bytes_total", i.SentBytes, name)
		p.putUint("cobox_network_receive_errors_total", i.ReceiveErrors, name)
		p.putUint("cobox_network_send_errors_total", i.SendErrors, name)
	}
}
