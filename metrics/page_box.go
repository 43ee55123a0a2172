package metrics

import (
	"cmp"
	"runtime"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
)

// unknown stands in a label for what nobody knows.
const unknown = "unknown"

func (p page) box(s *Snapshot) {
	p.put("cobox_build_info", 1, clip(cmp.Or(s.Version, unknown)), runtime.Version())
	p.put("cobox_boot_info", 1, clip(cmp.Or(s.Slot, "none")), string(oneOf(s.Machine.Boot.Cause, sensors.Causes[:])))
	p.putTime("cobox_boot_time_seconds", s.Machine.Boot.Time)
	if up := s.Machine.Boot.Uptime; up > 0 {
		p.put("cobox_uptime_seconds", up.Seconds())
	}
	for _, state := range health.Updates {
		p.putBool("cobox_update_state", s.Update == state, string(state))
	}
	p.putTime("cobox_clock_time_seconds", s.At)
	if s.Clock.Offset != nil {
		p.put("cobox_clock_offset_seconds", s.Clock.Offset.Seconds())
		p.putTime("cobox_clock_compared_timestamp_seconds", s.Clock.Compared)
	}
	p.putBool("cobox_paired", s.Operator.Paired)
	p.put("cobox_operators", float64(s.Operators))
	p.putTime("cobox_operator_seen_timestamp_seconds", s.Operator.Seen)
	p.health(s.Health)
}

// health shows the report, when there is one.
func (p page) health(r health.Report) {
	if len(r.Checks) == 0 {
		return
	}
	for _, check := range health.Checks() {
		result, ok := r.Find(check)
		if !ok {
			continue
		}
		for _, state := range health.States {
			p.putBool("cobox_health_check", result.State == state, string(check), string(state))
		}
	}
	for _, state := range [...]health.State{health.OK, health.Warning, health.Failed} {
		p.putBool("cobox_health", r.State == state, string(state))
	}
}

// programs shows the programs that tell of themselves, and whether the seeder does.
func (p page) programs(s *Snapshot) {
	seen := map[string]bool{seederd: true}
	for _, program := range s.Programs {
		if len(seen) <= MaxPrograms && !seen[program.Name] {
			seen[program.Name] = true
			p.program(program.Name, program)
		}
	}
	if s.Seeder != nil {
		p.program(seederd, sensors.Program(s.Seeder.Program))
	} else if s.Asked {
		p.put("cobox_program_up", 0, seederd)
	}
}

// seederd is the seeder's program, whatever it calls itself.
const seederd = "seederd"

func (p page) program(name string, program sensors.Program) {
	name = clip(name)
	p.put("cobox_program_up", 1, name)
	p.putTime("cobox_program_start_time_seconds", program.Started, name)
	p.put("cobox_program_cpu_seconds_total", program.CPU.Seconds(), name)
	p.putUint("cobox_program_resident_bytes", program.Resident, name)
	p.put("cobox_program_open_files", float64(program.OpenFiles), name)
	p.putUint("cobox_program_goroutines", program.Goroutines, name)
	p.putUint("cobox_program_heap_bytes", program.HeapBytes, name)
	p.putUint("cobox_program_runtime_bytes", program.GoBytes, name)
	p.putUint("cobox_program_gc_cycles_total", program.GCCycles, name)
}

// oneOf returns v when it is in the set, and else unknown: what comes from elsewhere
// must not make labels of its own.
func oneOf[T ~string](v T, set []T) T {
	for _, known := range set {
		if v == known {
			return v
		}
	}
	return unknown
}

// maxLabel bounds a label's value in bytes.
const maxLabel = 64

// clip bounds what becomes a label's value.
func clip(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
	}
	return toValid(s)
}
