package metrics

import (
	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/seeder/api"

	"github.com/prometheus/client_golang/prometheus"
)

// A family is one metric with all its series.
type family struct {
	name   string
	help   string // for a person on call
	kind   prometheus.ValueType
	labels []string
	// series is how many there are at most; for a family with the label partner, for
	// each partner.
	series int
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// Numbers of values of labels that the catalogue counts with.
const (
	pinStates = 6
	cpuModes  = 5
	resources = 3 // of pressure
	programs  = MaxPrograms + 1
)

// catalogue lists all metrics, in the order in which METRICS.md shows them.
func catalogue() []family {
	none := []string(nil)
	volume, disk, iface := []string{"volume"}, []string{"disk"}, []string{"interface"}
	program, partner := []string{"program"}, []string{"partner"}
	return []family{
		// The box
		{"cobox_build_info", "The box's programs, always 1.", gauge, []string{"version", "goversion"}, 1},
		{"cobox_boot_info", "Where the running image is (slot), and why the machine started (cause: power-on, watchdog, panic, overheated, under-voltage, requested, updated or unknown), always 1.", gauge, []string{"slot", "cause"}, 1},
		{"cobox_boot_time_seconds", "When the machine started, in Unix time, by its clock as it is now.", gauge, none, 1},
		{"cobox_uptime_seconds", "How long the machine has been running. Unlike the boot time it does not depend on the clock.", gauge, none, 1},
		{"cobox_update_state", "1 for how the last update of the image went: settled, trial or rolled-back.", gauge, []string{"state"}, len(health.Updates)},
		{"cobox_clock_time_seconds", "The box's clock in Unix time when it was scraped. Compare it with the time of the scrape.", gauge, none, 1},
		{"cobox_clock_offset_seconds", "By how much the clock was ahead of a time server when last compared, negative when behind.", gauge, none, 1},
		{"cobox_clock_compared_timestamp_seconds", "When the clock was last compared with a time server.", gauge, none, 1},
		{"cobox_paired", "1 when the box has an operator, 0 when it waits for the code on its label.", gauge, none, 1},
		{"cobox_operators", "Keys that may command the box.", gauge, none, 1},
		{"cobox_operator_seen_timestamp_seconds", "When an operator's program last spoke with the box.", gauge, none, 1},
		{"cobox_health_check", "1 for the state (ok, unknown, blocked, warning, failed) in which a health check is.", gauge, []string{"check", "state"}, len(health.Checks()) * len(health.States)},
		{"cobox_health", "1 for the state of the worst health check that could be judged: ok, warning or failed.", gauge, []string{"state"}, 3},

		// The machine
		{"cobox_cpu_cores", "Processors that are on.", gauge, none, 1},
		{"cobox_cpu_seconds_total", "Processor time by mode (user, system, iowait, steal, idle), over all processors.", counter, []string{"mode"}, cpuModes},
		{"cobox_memory_size_bytes", "Memory of the machine.", gauge, none, 1},
		{"cobox_memory_available_bytes", "Memory that programs could get without swapping.", gauge, none, 1},
		{"cobox_pressure_stall_seconds_total", "Time that work waited for a resource (cpu, io, memory): some tasks, or all of them (full).", counter, []string{"resource", "kind"}, resources*2 - 1},
		{"cobox_temperature_celsius", "Temperatures by the kernel's name of the sensor.", gauge, []string{"sensor"}, sensors.MaxTemperatures},
		{"cobox_power_alarm", "1 while the board says so: under-voltage, frequency-capped, throttled, temperature-limit.", gauge, []string{"alarm"}, 4},
		{"cobox_power_alarm_since_boot", "1 when the alarm was on at any time since the start.", gauge, []string{"alarm"}, 4},
		{"cobox_energy_estimated_joules_total", "Estimated energy since the start, not measured: the board's idle power times its uptime, plus the power of its busy processors times the time in which they worked, plus 1 W for each disk on USB, SATA or NVMe; by published measurements of such boards, good to about a fifth. Absent for unknown boards.", counter, none, 1},
		{"cobox_disk_info", "Disks and how they are attached (kind: sd, emmc, nvme, usb, scsi, virtual, other), always 1.", gauge, []string{"disk", "kind"}, sensors.MaxDisks},
		{"cobox_disk_size_bytes", "Size of a disk.", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_read_bytes_total", "Bytes read from a disk.", counter, disk, sensors.MaxDisks},
		{"cobox_disk_written_bytes_total", "Bytes written to a disk.", counter, disk, sensors.MaxDisks},
		{"cobox_disk_busy_seconds_total", "Time in which a disk had work to do.", counter, disk, sensors.MaxDisks},
		{"cobox_disk_errors_total", "Requests to a disk that failed, where its driver counts them.", counter, disk, sensors.MaxDisks},
		{"cobox_disk_wear_ratio", "Used part of the life that the maker of an eMMC (in steps of 0.1) or of an SSD promised; above 1 it is over.", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_reserve_used_ratio", "Used part of an eMMC's spare blocks, as far as it tells: 0 (normal), 0.8 (warning) or 0.9 (urgent).", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_failing", "1 when a disk says itself that it fails or is about to (SMART), 0 when it says that it does not.", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_temperature_celsius", "Temperature of a disk, as it says itself (SMART).", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_power_on_seconds", "For how long a disk was switched on in its life, in whole hours (SMART).", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_spare_ratio", "Part of a disk's spare blocks that is left (SMART).", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_media_errors", "What a disk could not give back as it was written, in its life (SMART).", gauge, disk, sensors.MaxDisks},
		{"cobox_disk_bad_sectors", "Bad sectors of a disk (SMART): reallocated (replaced by spare ones), pending (suspect) or uncorrectable (unreadable).", gauge, []string{"disk", "kind"}, 3 * sensors.MaxDisks},
		{"cobox_disk_smart_timestamp_seconds", "When a disk was last asked for its SMART figures: every ten minutes at most, and not while nobody uses it, as it may be asleep.", gauge, disk, sensors.MaxDisks},
		{"cobox_volume_present", "1 when a file system that the box needs (state, data) is there, 0 when its disk is gone.", gauge, volume, sensors.MaxVolumes},
		{"cobox_volume_size_bytes", "Size of a file system.", gauge, volume, sensors.MaxVolumes},
		{"cobox_volume_available_bytes", "Bytes of a file system that the box may still use.", gauge, volume, sensors.MaxVolumes},
		{"cobox_volume_files", "Files that a file system can hold (inodes).", gauge, volume, sensors.MaxVolumes},
		{"cobox_volume_files_free", "Files that a file system can still take (inodes).", gauge, volume, sensors.MaxVolumes},
		{"cobox_volume_read_only", "1 when a file system cannot be written, as after an error.", gauge, volume, sensors.MaxVolumes},
		{"cobox_volume_errors", "Errors that a file system found in its own structure since it was last repaired.", gauge, volume, sensors.MaxVolumes},
		{"cobox_network_link", "1 when a network interface has a signal.", gauge, iface, sensors.MaxInterfaces},
		{"cobox_network_speed_bytes_per_second", "Speed of a network interface's link in each direction.", gauge, iface, sensors.MaxInterfaces},
		{"cobox_network_addresses", "Addresses of a network interface, link-local ones left out.", gauge, iface, sensors.MaxInterfaces},
		{"cobox_network_received_bytes_total", "Bytes received by a network interface.", counter, iface, sensors.MaxInterfaces},
		{"cobox_network_sent_bytes_total", "Bytes sent by a network interface.", counter, iface, sensors.MaxInterfaces},
		{"cobox_network_receive_errors_total", "Packets that a network interface received damaged or could not take.", counter, iface, sensors.MaxInterfaces},
		{"cobox_network_send_errors_total", "Packets that a network interface could not send.", counter, iface, sensors.MaxInterfaces},

		// The programs
		{"cobox_program_up", "1 when a program of the box (provisiond, seederd) answers.", gauge, program, programs},
		{"cobox_program_start_time_seconds", "When a program started, in Unix time.", gauge, program, programs},
		{"cobox_program_cpu_seconds_total", "Processor time that a program used.", counter, program, programs},
		{"cobox_program_resident_bytes", "Memory that a program has in RAM.", gauge, program, programs},
		{"cobox_program_open_files", "Files and sockets that a program has open.", gauge, program, programs},
		{"cobox_program_goroutines", "Goroutines of a program.", gauge, program, programs},
		{"cobox_program_heap_bytes", "Go heap of a program: live objects, and dead ones not yet swept.", gauge, program, programs},
		{"cobox_program_runtime_bytes", "Memory that the Go runtime of a program has from the system.", gauge, program, programs},
		{"cobox_program_gc_cycles_total", "Garbage collections of a program.", counter, program, programs},

		// The store
		{"cobox_store_open", "1 when the store is open, 0 when it could not be opened.", gauge, none, 1},
		{"cobox_store_feeds", "Feeds of which the store holds something.", gauge, none, 1},
		{"cobox_store_blocks", "Blocks that are held and synced to the disk.", gauge, none, 1},
		{"cobox_store_block_bytes", "Bytes of these blocks.", gauge, none, 1},
		{"cobox_store_index_bytes", "Bytes that the store's index (Badger) takes on the disk.", gauge, none, 1},
		{"cobox_store_pending_bytes", "Bytes put into the store and not synced yet.", gauge, none, 1},
		{"cobox_store_errors_total", "What the store could not do because of its disk, by operation: read, write (and sync), index.", counter, []string{"operation"}, 3},
		{"cobox_scrub_running", "1 while stored blocks are being read back.", gauge, none, 1},
		{"cobox_scrub_progress_ratio", "Part of this round of reading back that is done.", gauge, none, 1},
		{"cobox_scrub_finished_timestamp_seconds", "When a whole round of reading back last ended.", gauge, none, 1},
		{"cobox_scrub_checked_bytes_total", "Bytes read back and compared with their hashes.", counter, none, 1},
		{"cobox_scrub_damaged_blocks_total", "Blocks found damaged: mended on the spot, or lost and to be fetched again.", counter, []string{"outcome"}, 2},
		{"cobox_scrub_damaged_blocks", "Blocks found damaged that are not whole again yet.", gauge, none, 1},

		// Feeds and pins
		{"cobox_pins", "Pins by state: queued, replicating, complete, stalled, over-quota, frozen.", gauge, []string{"state"}, pinStates},
		{"cobox_feeds_behind", "Feeds of which blocks up to the signed head are missing.", gauge, none, 1},
		{"cobox_feeds_backlog_blocks", "Blocks missing up to the signed heads, over all feeds.", gauge, none, 1},
		{"cobox_feeds_backlog_bytes", "Bytes missing up to the signed heads, over all feeds.", gauge, none, 1},
		{"cobox_feeds_behind_seconds", "For how long the feed that has been behind for longest has been so.", gauge, none, 1},
		{"cobox_feeds_newest_head_timestamp_seconds", "When the newest tree head of any feed came.", gauge, none, 1},
		{"cobox_feeds_forks_total", "Contradictions of feeds' writers that were seen since the store was made.", counter, none, 1},

		// Replication
		{"cobox_replication_sessions", "Open replication sessions.", gauge, none, 1},
		{"cobox_replication_received_blocks_total", "Blocks received, verified and stored.", counter, none, 1},
		{"cobox_replication_received_bytes_total", "Bytes of the blocks received, verified and stored.", counter, none, 1},
		{"cobox_replication_sent_blocks_total", "Blocks sent.", counter, none, 1},
		{"cobox_replication_sent_bytes_total", "Bytes of the blocks sent.", counter, none, 1},
		{"cobox_replication_heads_total", "New tree heads, verified and stored.", counter, none, 1},
		{"cobox_replication_invalid_proofs_total", "Answers that did not verify; each cut its peer off.", counter, none, 1},
		{"cobox_replication_stalls_total", "Times that a peer sat on requests until others got them.", counter, none, 1},
		{"cobox_replication_no_data_total", "Requests of peers that the box could not answer with data.", counter, none, 1},
		{"cobox_replication_duplicate_blocks_total", "Blocks that came although they were stored by then.", counter, none, 1},
		{"cobox_peers", "Connected peers by kind of connection: local, direct, hole-punched, relay, hypercore.", gauge, []string{"connection"}, len(api.Connections)},
		{"cobox_nat_state", "1 for whether the box's addresses can be dialled from outside: public, private or unknown.", gauge, []string{"state"}, 3},
		{"cobox_reach_state", "1 for how others reach the box: direct, hole-punched, relayed, none or unknown.", gauge, []string{"state"}, len(health.Reaches) + 1},

		// Partners
		{"cobox_partners", "Partners that the box keeps feeds for.", gauge, none, 1},
		{"cobox_partner_quota_bytes", "Bytes that a partner may have kept.", gauge, partner, 1},
		{"cobox_partner_used_bytes", "Bytes that are kept for a partner.", gauge, partner, 1},
		{"cobox_partner_reserved_bytes", "Bytes set aside for a partner's blocks that are still to come.", gauge, partner, 1},
		{"cobox_partner_feeds", "Feeds that are pinned for a partner.", gauge, partner, 1},
		{"cobox_partner_feeds_limit", "Feeds that a partner may have pinned.", gauge, partner, 1},
		{"cobox_partner_pins", "A partner's pins by state.", gauge, []string{"partner", "state"}, pinStates},
		{"cobox_partner_backlog_blocks", "Blocks of a partner's feeds missing up to the signed heads.", gauge, partner, 1},
		{"cobox_partner_newest_head_timestamp_seconds", "When the newest tree head of a partner's feeds came: its last backup.", gauge, partner, 1},
		{"cobox_partner_seen_timestamp_seconds", "When a device of a partner last spoke with the box.", gauge, partner, 1},
		{"cobox_partner_silence_tolerance_seconds", "How long a partner may be silent before somebody should ask. Absent when it may be so for ever.", gauge, partner, 1},
		{"cobox_partner_grant_ends_timestamp_seconds", "When a partner's grant ends. Absent when it has no end.", gauge, partner, 1},
	}
}

// MaxPartners is how many partners have series of their own. Those after it (by
// number) are counted together as partner "other", as far as figures can be added.
const MaxPartners = 50

// MaxSeries is how many time series a box with so many partners has at most,
// whatever else it keeps: neither feeds nor peers nor keys are told apart.
func MaxSeries(partners int) int {
	rows := partners
	if rows > MaxPartners {
		rows = MaxPartners + 1
	}
	n := 0
	for _, f := range catalogue() {
		if f.byPartner() {
			n += f.series * rows
			continue
		}
		n += f.series
	}
	return n
}

func (f family) byPartner() bool { return len(f.labels) > 0 && f.labels[0] == "partner" }
