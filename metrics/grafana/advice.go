package grafana

import (
	"maps"
	"slices"
)

// advice says for each health check what a person should do, without the figures that
// the box's own sentence has (its status page, coboxctl status).
func advice() map[string]string {
	return map[string]string{
		"power":       "Power supply: use the board's own supply and a short cable",
		"temperature": "Temperature: more air, less sun; check the fan",
		"disk":        "Disk: switch the box off, check cable and power, switch it on again, or replace the disk",
		"filesystem":  "File system: restart the box, which repairs it; replace the disk when it comes again",
		"wear":        "Wear: order a new card or disk and put it in within weeks",
		"space":       "Space: end pins that are no longer needed, or put in a larger disk",
		"network":     "Network: check the cable at both ends, and the router",
		"address":     "Address: switch DHCP on in the router, or restart it",
		"clock":       "Clock: let the box reach time servers (UDP port 123) through the router",
		"seeder":      "Seeder: restart the box; look at its log when it comes again",
		"store":       "Store: check the disk's cable and power, restart the box; see its status page",
		"scrub":       "Scrub: leave the box on; replace the disk when damage was found",
		"reach":       "Reach: forward port 4001 (TCP and UDP) to the box in the router",
		"pins":        "Pins: ask the partner to leave a computer on, or grant more; see coboxctl status",
		"operator":    "Operator: run coboxctl status, or pair the box",
		"update":      "Update: look at the log, and update again",
	}
}

// adviceWords shows the advice in place of a check's name.
func adviceWords() []Mapping {
	all := advice()
	var list [][3]string
	for _, check := range slices.Sorted(maps.Keys(all)) {
		list = append(list, [3]string{check, all[check], ""})
	}
	return words(list...)
}
