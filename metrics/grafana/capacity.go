package grafana

// capacity is for planning: how much room there is, where it goes, and what it costs.
func capacity() Dashboard {
	d := newDashboard("cobox-capacity", "CoBox: capacity and energy", "Room on all boxes, when it ends, and an estimate of the energy used.", "now-30d")
	var l layout
	l.add(4, 4, stat("Disks", "Size of all data volumes.", "bytes", query{expr: `sum(max by (box) (cobox_volume_size_bytes{volume="data"}))`}))
	l.add(4, 4, stat("Left", "On all data volumes.", "bytes", query{expr: `sum(max by (box) (cobox_volume_available_bytes{volume="data"}))`}))
	l.add(4, 4, stat("Granted", "Sum of all quotas.", "bytes", query{expr: "sum(max by (box, partner) (cobox_partner_quota_bytes))"}))
	l.add(4, 4, stat("Used", "By partners' feeds.", "bytes", query{expr: "sum(max by (box, partner) (cobox_partner_used_bytes))"}))
	l.add(4, 4, stat("Power", "Estimated, not measured: the metric's help text says how.", "watt", query{expr: "sum(box:cobox_power_watts:rate5m)"}))
	l.add(4, 4, stat("Energy", "Estimated, in the time shown.", "kwatth", query{expr: "sum(increase(cobox_energy_estimated_joules_total[$__range])) / 3.6e6"}))

	l.add(24, 9, sortedBy("Granted of disk", table("Boxes", "More granted than the disk holds is a promise that may be broken. Full in: at the rate of the last day.", nil, []Override{
		column("box", "Box", ""), column("Value #A", "Disk", "bytes"), column("Value #B", "Left", "bytes"), column("Value #C", "Granted", "bytes"),
		column("Value #D", "Granted of disk", "percentunit", Property{ID: "thresholds", Value: Thresholds{Mode: "absolute", Steps: []Step{{Color: "green"}, from(0.9, "yellow"), from(1, "red")}}}, coloured()),
		column("Value #E", "Used", "bytes"), column("Value #F", "Grows a day", "bytes"), column("Value #G", "Full in", "s"), column("Value #H", "Wear", "percentunit"),
	},
		query{expr: `max by (box) (cobox_volume_size_bytes{volume="data"})`},
		query{expr: `max by (box) (cobox_volume_available_bytes{volume="data"})`},
		query{expr: "sum by (box) (cobox_partner_quota_bytes)"},
		query{expr: `sum by (box) (cobox_partner_quota_bytes) / on (box) max by (box) (cobox_volume_size_bytes{volume="data"})`},
		query{expr: "sum by (box) (cobox_partner_used_bytes)"},
		query{expr: `max by (box) (box_volume:cobox_volume_growth:deriv1d{volume="data"}) * 86400`},
		query{expr: `max by (box) (cobox_volume_available_bytes{volume="data"}) / on (box) (max by (box) (box_volume:cobox_volume_growth:deriv1d{volume="data"}) > 0)`},
		query{expr: "max by (box) (cobox_disk_wear_ratio)"},
	)))
	l.add(12, 8, between(0, 1, graph("Left", "Part of each data volume.", "percentunit", query{`box_volume:cobox_volume_available:ratio{volume="data"}`, "{{box}}"})))
	l.add(12, 8, graph("Kept", "Bytes of blocks by box.", "bytes", query{"max by (box) (cobox_store_block_bytes)", "{{box}}"}))
	l.add(12, 8, graph("Feeds", "", "short", query{"max by (box) (cobox_store_feeds)", "{{box}}"}))
	l.add(12, 8, graph("Index", "Badger's part of the disk.", "bytes", query{"max by (box) (cobox_store_index_bytes)", "{{box}}"}))
	l.add(12, 8, stacked("Power", "Estimated, by box.", "watt", query{"box:cobox_power_watts:rate5m", "{{box}}"}))
	l.add(12, 8, table("Energy", "Estimated for the time shown, and the power for what is kept.", nil, []Override{
		column("box", "Box", ""), column("Value #A", "Energy", "kwatth"), column("Value #B", "A year at this rate", "kwatth"), column("Value #C", "Watts for each TB kept", "none"),
	},
		query{expr: "sum by (box) (increase(cobox_energy_estimated_joules_total[$__range])) / 3.6e6"},
		query{expr: "box:cobox_power_watts:rate5m * 8.76"},
		query{expr: "box:cobox_power_watts:rate5m / on (box) (max by (box) (cobox_store_block_bytes) / 1e12)"},
	))
	l.add(24, 7, between(0, 1, graph("Processors", "Part of the time in which they worked; most of the difference in power.", "percentunit", query{"box:cobox_cpu_busy:ratio_rate5m", "{{box}}"})))
	d.Panels = l.panels
	return d
}
