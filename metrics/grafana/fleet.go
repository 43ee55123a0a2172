package grafana

// fleet is for an operator of many boxes: which of them needs a person, and why.
func fleet() Dashboard {
	d := newDashboard("cobox-fleet", "CoBox: fleet", "All boxes, the worst first, and what to do.", "now-24h")
	var l layout
	bad := []Step{{Color: "green"}, from(1, "red")}
	l.add(4, 4, stat("Boxes", "Boxes that Prometheus watches.", "none", query{expr: "count(box:cobox_up:min)"}))
	l.add(4, 4, stat("Silent", "Boxes that do not answer now.", "none", query{expr: "count(box:cobox_up:min == 0) or vector(0)"}, bad...))
	l.add(4, 4, stat("Failed", "Boxes that answer, and on which a health check has failed.", "none", query{expr: "count(box:cobox_severity:max == 2) or vector(0)"}, bad...))
	l.add(4, 4, stat("Look soon", "Boxes with nothing worse than a warning.", "none", query{expr: "count(box:cobox_severity:max == 1) or vector(0)"}, Step{Color: "green"}, from(1, "yellow")))
	l.add(4, 4, stat("Alerts", "Alerts that are firing, the watchdog left out.", "none", query{expr: `count(ALERTS{alertname=~"CoBox.+",alertname!="CoBoxWatchdog",alertstate="firing"}) or vector(0)`}, bad...))
	l.add(4, 4, stat("Watchdog", "1 while Prometheus evaluates the alert rules. It does not tell whether alerts reach people: see the runbook.", "none", query{expr: `count(ALERTS{alertname="CoBoxWatchdog",alertstate="firing"}) or vector(0)`}, Step{Color: "red"}, from(1, "green")))

	l.add(24, 9, sortedBy("State", table("Boxes, the worst first", "One row a box. Silent boxes have no newer figures.", nil, []Override{
		column("box", "Box", "", Property{ID: "links", Value: []map[string]any{{"title": "Look at this box", "url": "/d/cobox-box?var-datasource=${datasource}&var-box=${__data.fields.box}"}}}),
		column("Value #A", "State", "", Property{ID: "mappings", Value: severities()}, coloured()),
		column("Value #B", "Data disk left", "percentunit"),
		column("Value #C", "Hottest", "celsius"),
		column("Value #D", "Newest backup", "s"),
		column("Value #E", "Partners", "none"),
		column("Value #F", "Running for", "s"),
		column("Value #G", "Alerts", "none"),
	},
		query{expr: "box:cobox_severity:max"},
		query{expr: `min by (box) (box_volume:cobox_volume_available:ratio{volume="data"})`},
		query{expr: "max by (box) (cobox_temperature_celsius)"},
		query{expr: "min by (box) (time() - cobox_feeds_newest_head_timestamp_seconds)"},
		query{expr: "max by (box) (cobox_partners)"},
		query{expr: "max by (box) (cobox_uptime_seconds)"},
		query{expr: `count by (box) (ALERTS{alertname=~"CoBox.+",alertname!="CoBoxWatchdog",alertstate="firing"})`},
	)))

	check := column("check", "Check and what to do", "", Property{ID: "mappings", Value: adviceWords()}, Property{ID: "custom.width", Value: 900})
	l.add(16, 9, sortedBy("How bad", table("What to do", "Failed and warning health checks. What they block is left out: it follows.", []string{"state"}, []Override{
		column("box", "Box", ""), check,
		column("Value", "How bad", "", Property{ID: "mappings", Value: words([3]string{"1", "look soon", "yellow"}, [3]string{"2", "failed", "red"})}, coloured()),
	},
		query{expr: `max by (box, check) (2 * cobox_health_check{state="failed"} or cobox_health_check{state="warning"}) > 0`},
	)))
	l.add(8, 9, table("Alerts", "What to do at each is in metrics/RUNBOOK.md under its name.", []string{"Value"}, []Override{
		column("box", "Box", ""), column("alertname", "Alert", ""), column("severity", "Severity", ""),
	},
		query{expr: `max by (box, alertname, severity) (ALERTS{alertname=~"CoBox.+",alertname!="CoBoxWatchdog",alertstate="firing"})`},
	))

	l.add(24, 8, timeline("State over time", "", severities(), query{"box:cobox_severity:max", "{{box}}"}))
	l.add(12, 8, graph("Received", "Verified and stored blocks, by box.", "Bps", query{"box:cobox_received_bytes:rate5m", "{{box}}"}))
	l.add(12, 8, graph("Sent", "By box.", "Bps", query{"box:cobox_sent_bytes:rate5m", "{{box}}"}))
	l.add(12, 8, table("Versions", "", []string{"Value"}, []Override{
		column("box", "Box", ""), column("version", "Version", ""), column("slot", "Slot", ""), column("cause", "Last start by", ""),
	},
		query{expr: "max by (box, version) (cobox_build_info) * on (box) group_left (slot, cause) max by (box, slot, cause) (cobox_boot_info)"},
	))
	l.add(12, 8, table("Reached from outside", "direct and hole-punched are fast; relay is slow; none needs somebody at the router.", []string{"Value"}, []Override{
		column("box", "Box", ""), column("state", "By", "", Property{ID: "mappings", Value: words(
			[3]string{"direct", "direct", "green"}, [3]string{"hole-punched", "hole-punched", "green"}, [3]string{"relayed", "relay", "yellow"}, [3]string{"none", "nobody", "red"})}, coloured()),
	},
		query{expr: "max by (box, state) (cobox_reach_state) == 1"},
	))
	d.Panels = l.panels
	return d
}
