package grafana

// box is for looking at one box, from what concerns people down to its machine.
func box() Dashboard {
	ds := source()
	d := newDashboard("cobox-box", "CoBox: box", "One box: its health, its feeds, its partners, its machine.", "now-24h", Variable{
		Name: "box", Label: "Box", Type: "query", Query: `label_values(up{job="cobox"}, box)`, Datasource: &ds, Refresh: 2, Sort: 1,
	})
	var l layout
	boxHealth(&l)
	boxFeeds(&l)
	boxStore(&l)
	boxMachine(&l)
	d.Panels = l.panels
	return d
}

func boxHealth(l *layout) {
	state := stat("State", "", "none", query{expr: `box:cobox_severity:max{box="$box"}`})
	state.FieldConfig.Defaults.Mappings = severities()
	l.add(4, 4, state)
	l.add(4, 4, stat("Running for", "", "s", query{expr: `max(cobox_uptime_seconds{box="$box"})`}))
	version := stat("Version", "", "none", query{`max by (version) (cobox_build_info{box="$box"})`, "{{version}}"})
	version.Options["textMode"] = "name"
	l.add(4, 4, version)
	cause := stat("Last start", "Image slot, and why the machine started.", "none", query{`max by (slot, cause) (cobox_boot_info{box="$box"})`, "{{slot}}: {{cause}}"})
	cause.Options["textMode"] = "name"
	l.add(4, 4, cause)
	reach := stat("Reached", "From outside the local network.", "none", query{`max by (state) (cobox_reach_state{box="$box"}) == 1`, "{{state}}"})
	reach.Options["textMode"] = "name"
	l.add(4, 4, reach)
	l.add(4, 4, stat("Operator seen", "How long ago an operator's program last spoke with the box.", "s",
		query{expr: `min(time() - cobox_operator_seen_timestamp_seconds{box="$box"})`}, Step{Color: "green"}, from(30*86400, "yellow")))

	checks := words([3]string{"0", "ok", "green"}, [3]string{"1", "unknown", "text"}, [3]string{"2", "blocked by another", "blue"},
		[3]string{"3", "look soon", "yellow"}, [3]string{"4", "failed", "red"})
	l.add(24, 11, timeline("Health", "The box's own checks. What a failed one blocks is blue.", checks, query{
		`max by (check) (
    4 * cobox_health_check{box="$box",state="failed"}
  or 3 * cobox_health_check{box="$box",state="warning"}
  or 2 * cobox_health_check{box="$box",state="blocked"}
  or cobox_health_check{box="$box",state="unknown"}
)`, "{{check}}",
	}))
}

func boxFeeds(l *layout) {
	l.row("Feeds and partners")
	l.add(24, 7, table("Partners", "By number: coboxctl status says who they are.", nil, []Override{
		column("partner", "Partner", ""),
		column("Value #A", "Granted", "bytes"), column("Value #B", "Used", "bytes"), column("Value #C", "Part", "percentunit"),
		column("Value #D", "Feeds", "none"), column("Value #E", "Blocks missing", "short"), column("Value #F", "Newest backup", "s"),
		column("Value #G", "Last heard of", "s"), column("Value #H", "Grant ends in", "s"),
	},
		query{expr: `max by (partner) (cobox_partner_quota_bytes{box="$box"})`},
		query{expr: `max by (partner) (cobox_partner_used_bytes{box="$box"} + cobox_partner_reserved_bytes{box="$box"})`},
		query{expr: `max by (partner) ((cobox_partner_used_bytes{box="$box"} + cobox_partner_reserved_bytes{box="$box"}) / cobox_partner_quota_bytes{box="$box"})`},
		query{expr: `max by (partner) (cobox_partner_feeds{box="$box"})`},
		query{expr: `max by (partner) (cobox_partner_backlog_blocks{box="$box"})`},
		query{expr: `min by (partner) (time() - cobox_partner_newest_head_timestamp_seconds{box="$box"})`},
		query{expr: `min by (partner) (time() - cobox_partner_seen_timestamp_seconds{box="$box"})`},
		query{expr: `min by (partner) (cobox_partner_grant_ends_timestamp_seconds{box="$box"} - time())`},
	))
	l.add(8, 8, stacked("Pins by state", "", "none", query{`sum by (state) (cobox_pins{box="$box"})`, "{{state}}"}))
	l.add(8, 8, graph("Backlog", "Bytes missing up to the signed heads.", "bytes", query{`sum(cobox_feeds_backlog_bytes{box="$box"})`, "missing"}))
	l.add(8, 8, graph("Behind for", "The feed that has been behind for longest.", "s", query{`max(cobox_feeds_behind_seconds{box="$box"})`, "longest"}))
	l.add(8, 8, graph("Replication", "Bytes of verified blocks in, and of blocks out.", "Bps",
		query{`sum(rate(cobox_replication_received_bytes_total{box="$box"}[$__rate_interval]))`, "received"},
		query{`-sum(rate(cobox_replication_sent_bytes_total{box="$box"}[$__rate_interval]))`, "sent"}))
	l.add(8, 8, graph("Trouble with peers", "In an hour.", "short",
		query{`sum(increase(cobox_replication_invalid_proofs_total{box="$box"}[1h]))`, "did not verify"},
		query{`sum(increase(cobox_replication_stalls_total{box="$box"}[1h]))`, "stalled"},
		query{`sum(increase(cobox_replication_no_data_total{box="$box"}[1h]))`, "could not serve"},
		query{`sum(increase(cobox_replication_duplicate_blocks_total{box="$box"}[1h]))`, "came twice"}))
	l.add(8, 8, stacked("Peers", "By kind of connection.", "none", query{`sum by (connection) (cobox_peers{box="$box"})`, "{{connection}}"}))
}

func boxStore(l *layout) {
	l.row("Store and disks")
	l.add(6, 7, graph("Kept", "", "bytes", query{`max(cobox_store_block_bytes{box="$box"})`, "blocks"}, query{`max(cobox_store_index_bytes{box="$box"})`, "index"}))
	l.add(6, 7, between(0, 1, graph("Space left", "", "percentunit", query{`box_volume:cobox_volume_available:ratio{box="$box"}`, "{{volume}}"})))
	l.add(6, 7, graph("Store errors", "In an hour, by operation.", "short", query{`sum by (operation) (increase(cobox_store_errors_total{box="$box"}[1h]))`, "{{operation}}"}))
	l.add(6, 7, between(0, 1, graph("Scrub", "Part of the round that is done.", "percentunit", query{`max(cobox_scrub_progress_ratio{box="$box"})`, "done"})))
	l.add(6, 7, graph("Damaged blocks", "Found by the scrub and not whole again yet.", "short", query{`max(cobox_scrub_damaged_blocks{box="$box"})`, "damaged"}))
	l.add(6, 7, graph("Disk traffic", "Read above, written below.", "Bps",
		query{`sum by (disk) (rate(cobox_disk_read_bytes_total{box="$box"}[$__rate_interval]))`, "{{disk}} read"},
		query{`-sum by (disk) (rate(cobox_disk_written_bytes_total{box="$box"}[$__rate_interval]))`, "{{disk}} written"}))
	l.add(6, 7, between(0, 1, graph("Disk busy", "", "percentunit", query{`max by (disk) (rate(cobox_disk_busy_seconds_total{box="$box"}[$__rate_interval]))`, "{{disk}}"})))
	l.add(6, 7, table("Disks", "All but size and errors is what the disk says of itself, if it says it.", nil, []Override{
		column("disk", "Disk", ""), column("kind", "Kind", ""), column("Value #A", "Size", "decbytes"), column("Value #B", "Wear", "percentunit"), column("Value #C", "Errors", "none"),
		column("Value #D", "Fails (1)", "none"), column("Value #E", "Temperature", "celsius"), column("Value #F", "Cannot read", "none"), column("Value #G", "Switched on for", "s"),
	},
		query{expr: `max by (disk, kind) (cobox_disk_info{box="$box"} * on (box, instance, job, disk) group_left () cobox_disk_size_bytes)`},
		query{expr: `max by (disk) (cobox_disk_wear_ratio{box="$box"})`},
		query{expr: `max by (disk) (cobox_disk_errors_total{box="$box"})`},
		query{expr: `max by (disk) (cobox_disk_failing{box="$box"})`},
		query{expr: `max by (disk) (cobox_disk_temperature_celsius{box="$box"})`},
		query{expr: `max by (disk) (cobox_disk_media_errors{box="$box"} or cobox_disk_bad_sectors{box="$box",kind!="reallocated"})`},
		query{expr: `max by (disk) (cobox_disk_power_on_seconds{box="$box"})`},
	))
}

func boxMachine(l *layout) {
	l.row("Machine")
	l.add(6, 7, between(0, 1, stacked("Processors", "", "percentunit", query{`sum by (mode) (rate(cobox_cpu_seconds_total{box="$box",mode!="idle"}[$__rate_interval])) / on () group_left () max(cobox_cpu_cores{box="$box"})`, "{{mode}}"})))
	l.add(6, 7, graph("Memory", "", "bytes",
		query{`max(cobox_memory_size_bytes{box="$box"})`, "size"}, query{`max(cobox_memory_available_bytes{box="$box"})`, "available"},
		query{`max by (program) (cobox_program_resident_bytes{box="$box"})`, "{{program}}"}))
	l.add(6, 7, between(0, 1, graph("Pressure", "Part of the time in which some work waited for the resource.", "percentunit",
		query{`max by (resource) (rate(cobox_pressure_stall_seconds_total{box="$box",kind="some"}[$__rate_interval]))`, "{{resource}}"})))
	l.add(6, 7, graph("Temperature", "Boards slow themselves down at 80 °C.", "celsius", query{`max by (sensor) (cobox_temperature_celsius{box="$box"})`, "{{sensor}}"}))
	l.add(6, 7, timeline("Supply and limits", "What the board says of its supply, and of limits that it set itself.",
		words([3]string{"0", "no", "green"}, [3]string{"1", "yes", "red"}), query{`max by (alarm) (cobox_power_alarm{box="$box"})`, "{{alarm}}"}))
	l.add(6, 7, graph("Network", "Received above, sent below.", "Bps",
		query{`sum by (interface) (rate(cobox_network_received_bytes_total{box="$box"}[$__rate_interval]))`, "{{interface}} received"},
		query{`-sum by (interface) (rate(cobox_network_sent_bytes_total{box="$box"}[$__rate_interval]))`, "{{interface}} sent"}))
	l.add(6, 7, graph("Network errors", "Packets in an hour.", "short",
		query{`sum by (interface) (increase(cobox_network_receive_errors_total{box="$box"}[1h]))`, "{{interface}} receiving"},
		query{`sum by (interface) (increase(cobox_network_send_errors_total{box="$box"}[1h]))`, "{{interface}} sending"}))
	l.add(6, 7, graph("Programs", "Processors that each keeps busy.", "percentunit", query{`max by (program) (rate(cobox_program_cpu_seconds_total{box="$box"}[$__rate_interval]))`, "{{program}}"}))
	l.add(8, 7, graph("Goroutines", "", "short", query{`max by (program) (cobox_program_goroutines{box="$box"})`, "{{program}}"}))
	l.add(8, 7, graph("Open files", "", "short", query{`max by (program) (cobox_program_open_files{box="$box"})`, "{{program}}"}))
	l.add(8, 7, graph("Clock", "The box's clock against Prometheus' at the scrape, and against its time server when last compared.", "s",
		query{`box:cobox_clock_error_seconds:max{box="$box"}`, "Prometheus"}, query{`max(cobox_clock_offset_seconds{box="$box"})`, "time server"}))
}
