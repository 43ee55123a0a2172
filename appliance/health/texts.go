package health

import (
	"maps"
	"slices"
)

// A Finding is what a check found, as a word for programs. New ones may be added.
type Finding string

// BlockedBy is the finding of every check that is blocked.
const BlockedBy Finding = "blocked"

// The findings of the checks.
const (
	PowerFine    Finding = "power-fine"
	PowerWasLow  Finding = "power-was-low"
	PowerLow     Finding = "power-low"
	PowerUnknown Finding = "power-unknown"

	TemperatureFine    Finding = "temperature-fine"
	TemperatureWarm    Finding = "temperature-warm"
	TemperatureHot     Finding = "temperature-hot"
	TemperatureUnknown Finding = "temperature-unknown"

	DiskPresent Finding = "disk-present"
	DiskAbsent  Finding = "disk-absent"
	DiskUnknown Finding = "disk-unknown"

	FilesystemFine     Finding = "filesystem-fine"
	FilesystemErrors   Finding = "filesystem-errors"
	FilesystemReadOnly Finding = "filesystem-read-only"
	FilesystemUnknown  Finding = "filesystem-unknown"

	WearFine    Finding = "wear-fine"
	WearHigh    Finding = "wear-high"
	WearLost    Finding = "wear-lost"
	WearFailing Finding = "wear-failing"
	WearOver    Finding = "wear-over"
	WearUnknown Finding = "wear-unknown"

	SpaceFine    Finding = "space-fine"
	SpaceLow     Finding = "space-low"
	SpaceFull    Finding = "space-full"
	SpaceUnknown Finding = "space-unknown"

	NetworkFine    Finding = "network-fine"
	NetworkDown    Finding = "network-down"
	NetworkUnknown Finding = "network-unknown"

	AddressFine    Finding = "address-fine"
	AddressNoRoute Finding = "address-no-route"
	AddressLocal   Finding = "address-local"
	AddressNone    Finding = "address-none"
	AddressUnknown Finding = "address-unknown"

	ClockFine    Finding = "clock-fine"
	ClockDrifts  Finding = "clock-drifts"
	ClockWrong   Finding = "clock-wrong"
	ClockPast    Finding = "clock-past"
	ClockUnknown Finding = "clock-unknown"
	ClockNever   Finding = "clock-never"

	SeederFine    Finding = "seeder-fine"
	SeederSilent  Finding = "seeder-silent"
	SeederUnknown Finding = "seeder-unknown"

	StoreFine      Finding = "store-fine"
	StoreErrors    Finding = "store-errors"
	StoreClosed    Finding = "store-closed"
	StoreIsDamaged Finding = "store-damaged"
	StoreIsNewer   Finding = "store-newer"
	StoreIsForeign Finding = "store-foreign"
	StoreIsGone    Finding = "store-gone"
	StoreMoves     Finding = "store-moves"
	StoreUnknown   Finding = "store-unknown"

	ScrubClean   Finding = "scrub-clean"
	ScrubFirst   Finding = "scrub-first"
	ScrubNothing Finding = "scrub-nothing"
	ScrubLate    Finding = "scrub-late"
	ScrubDamage  Finding = "scrub-damage"
	ScrubUnknown Finding = "scrub-unknown"

	ReachDirect      Finding = "reach-direct"
	ReachHolePunched Finding = "reach-hole-punched"
	ReachRelayed     Finding = "reach-relayed"
	ReachNone        Finding = "reach-none"
	ReachUnknown     Finding = "reach-unknown"

	PinsComplete  Finding = "pins-complete"
	PinsComing    Finding = "pins-coming"
	PinsNone      Finding = "pins-none"
	PinsLate      Finding = "pins-late"
	PinsOverQuota Finding = "pins-over-quota"
	PinsFrozen    Finding = "pins-frozen"
	PinsUnknown   Finding = "pins-unknown"

	OperatorSeen    Finding = "operator-seen"
	OperatorUnseen  Finding = "operator-unseen"
	OperatorUnknown Finding = "operator-unknown"
	OperatorNone    Finding = "operator-none"

	UpdateSettled    Finding = "update-settled"
	UpdateTrial      Finding = "update-trial"
	UpdateRolledBack Finding = "update-rolled-back"
	UpdateNone       Finding = "update-none"
)

// titles are the checks' names for people.
var titles = map[Check]Text{
	CheckPower:       {"power supply", "Stromversorgung"},
	CheckTemperature: {"temperature", "Temperatur"},
	CheckDisk:        {"disk", "Datenträger"},
	CheckFilesystem:  {"file system", "Dateisystem"},
	CheckWear:        {"wear", "Abnutzung"},
	CheckSpace:       {"space", "Speicherplatz"},
	CheckNetwork:     {"network", "Netzwerk"},
	CheckAddress:     {"address", "Adresse"},
	CheckClock:       {"clock", "Uhr"},
	CheckSeeder:      {"seeder", "Seeder"},
	CheckStore:       {"store", "Speicher"},
	CheckScrub:       {"scrub", "Prüflesen"},
	CheckReach:       {"reachability", "Erreichbarkeit"},
	CheckPins:        {"pins", "Zusagen"},
	CheckOperator:    {"operator", "Betreuung"},
	CheckUpdate:      {"update", "Update"},
}

// Title returns the check's name for people.
func (c Check) Title() Text { return titles[c] }

// An entry is a finding's state, and its sentence: what is wrong, and what to do.
type entry struct {
	state State
	text  Text
}

// findings is the one table of what a box says about itself.
var findings = map[Finding]entry{
	BlockedBy: {Blocked, Text{
		"This cannot be told before “{check}” is put right: look there first.",
		"Das lässt sich erst sagen, wenn „{check}“ in Ordnung ist: bitte zuerst dort nachsehen.",
	}},

	PowerFine: {OK, Text{"The voltage is high enough.", "Die Spannung reicht aus."}},
	PowerWasLow: {Warning, Text{
		"The voltage was too low at some time since the start: use the board's own power supply and a short cable.",
		"Die Spannung war seit dem Start mindestens einmal zu niedrig: bitte das zum Gerät gehörende Netzteil und ein kurzes Kabel verwenden.",
	}},
	PowerLow: {Failed, Text{
		"The voltage is too low, which damages cards and disks: use the board's own power supply and a short cable, and feed USB disks by their own.",
		"Die Spannung ist zu niedrig, was Karten und Datenträger beschädigt: bitte das zum Gerät gehörende Netzteil und ein kurzes Kabel verwenden und USB-Datenträger eigens versorgen.",
	}},
	PowerUnknown: {Unknown, Text{"This board does not tell its voltage.", "Dieses Gerät kann seine Spannung nicht messen."}},

	TemperatureFine: {OK, Text{"{celsius} °C.", "{celsius} °C."}},
	TemperatureWarm: {Warning, Text{
		"{sensor} is at {celsius} °C: give the box more air, and keep it away from sun and heaters.",
		"{sensor} hat {celsius} °C: bitte für mehr Luft sorgen und Sonne und Heizung meiden.",
	}},
	TemperatureHot: {Failed, Text{
		"{sensor} is at {celsius} °C, and the box slows itself down: clear its air holes, check its fan, or put it in a cooler place.",
		"{sensor} hat {celsius} °C, und die Box bremst sich selbst: bitte Lüftungsöffnungen freimachen, den Lüfter prüfen oder sie kühler stellen.",
	}},
	TemperatureUnknown: {Unknown, Text{"This board has no thermometer.", "Dieses Gerät hat kein Thermometer."}},

	DiskPresent: {OK, Text{"Everything that should be there is there.", "Alles ist da, was da sein soll."}},
	DiskAbsent: {Failed, Text{
		"Not found: {volume}; switch the box off, check cable and power, and switch it on again, or put in a new one.",
		"Nicht gefunden: {volume}; bitte die Box ausschalten, Kabel und Strom prüfen und wieder einschalten, oder Ersatz einsetzen.",
	}},
	DiskUnknown: {Unknown, Text{"Nobody has looked for the disks yet.", "Nach den Datenträgern hat noch niemand gesehen."}},

	FilesystemFine: {OK, Text{"No errors.", "Keine Fehler."}},
	FilesystemErrors: {Warning, Text{
		"Damage in the file system ({count} errors): {volume}; restart the box, which repairs it, and replace the disk when it comes again.",
		"Schäden im Dateisystem ({count} Fehler): {volume}; bitte die Box neu starten, was es repariert, und bei Wiederholung Ersatz einsetzen.",
	}},
	FilesystemReadOnly: {Failed, Text{
		"Can only be read after an error: {volume}; restart the box, and replace the disk when it comes again.",
		"Nach einem Fehler nur noch lesbar: {volume}; bitte die Box neu starten und bei Wiederholung Ersatz einsetzen.",
	}},
	FilesystemUnknown: {Unknown, Text{"Nobody has looked at the file systems yet.", "Nach den Dateisystemen hat noch niemand gesehen."}},

	WearFine: {OK, Text{"No card or disk reports wear or damage.", "Weder Karte noch Datenträger melden Abnutzung oder Schäden."}},
	WearHigh: {Warning, Text{
		"{disk} has nearly used up its life: order a new one, and replace it within weeks.",
		"Die Lebensdauer von {disk} ist fast verbraucht: bitte Ersatz bestellen und in den nächsten Wochen einsetzen.",
	}},
	WearOver: {Failed, Text{
		"{disk} is past the end of its life and may fail on any day: replace it now.",
		"Die Lebensdauer von {disk} ist überschritten, ein Ausfall ist jeden Tag möglich: bitte jetzt Ersatz einsetzen.",
	}},
	WearLost: {Warning, Text{
		"{disk} cannot read {count} places any more, and there will be more: order a new one, and replace it within weeks.",
		"{disk} kann {count} Stellen nicht mehr lesen, und es werden mehr: bitte Ersatz bestellen und in den nächsten Wochen einsetzen.",
	}},
	WearFailing: {Failed, Text{
		"{disk} says itself that it fails: replace it now.",
		"{disk} meldet selbst, dass der Datenträger ausfällt: bitte jetzt Ersatz einsetzen.",
	}},
	WearUnknown: {Unknown, Text{"The card and disks do not tell.", "Karte und Datenträger geben darüber keine Auskunft."}},

	SpaceFine: {OK, Text{"{free} free ({percent} %).", "{free} frei ({percent} %)."}},
	SpaceLow: {Warning, Text{
		"Only {free} ({percent} %) left: {volume}; order a larger one, or end pins that are no longer needed.",
		"Nur noch {free} ({percent} %) frei: {volume}; bitte Größeres bestellen oder nicht mehr gebrauchte Zusagen beenden.",
	}},
	SpaceFull: {Failed, Text{
		"Full, {free} ({percent} %) left, and the box takes in nothing more: {volume}; end pins that are no longer needed, or put in a larger one.",
		"Voll, noch {free} ({percent} %) frei, und die Box nimmt nichts mehr auf: {volume}; bitte nicht mehr gebrauchte Zusagen beenden oder Größeres einsetzen.",
	}},
	SpaceUnknown: {Unknown, Text{"Nobody has measured it yet.", "Das hat noch niemand gemessen."}},

	NetworkFine: {OK, Text{"Connected.", "Verbunden."}},
	NetworkDown: {Failed, Text{
		"No network cable has a signal: check that the cable sits firmly at both ends and that the router is on.",
		"Kein Netzwerkkabel hat ein Signal: bitte prüfen, ob das Kabel an beiden Enden fest sitzt und der Router eingeschaltet ist.",
	}},
	NetworkUnknown: {Unknown, Text{"The network interfaces do not tell.", "Die Netzwerkanschlüsse geben darüber keine Auskunft."}},

	AddressFine: {OK, Text{"Given by the router.", "Vom Router erhalten."}},
	AddressNoRoute: {Warning, Text{
		"The box has an address but knows no way out of the local network: check the router's DHCP settings.",
		"Die Box hat eine Adresse, kennt aber keinen Weg aus dem lokalen Netz: bitte die DHCP-Einstellungen des Routers prüfen.",
	}},
	AddressLocal: {Failed, Text{
		"The router gives the box no address: switch DHCP on in the router, or restart it.",
		"Der Router gibt der Box keine Adresse: bitte im Router DHCP einschalten oder ihn neu starten.",
	}},
	AddressNone: {Failed, Text{
		"The box has no address: wait a minute, then restart the router and the box.",
		"Die Box hat keine Adresse: bitte eine Minute warten, dann Router und Box neu starten.",
	}},
	AddressUnknown: {Unknown, Text{"The network interfaces do not tell.", "Die Netzwerkanschlüsse geben darüber keine Auskunft."}},

	ClockFine: {OK, Text{"Right.", "Geht richtig."}},
	ClockDrifts: {Warning, Text{
		"The clock is wrong by {offset}: let the box reach time servers (UDP port 123) through the router.",
		"Die Uhr geht um {offset} falsch: bitte der Box im Router den Weg zu Zeitservern (UDP-Port 123) freigeben.",
	}},
	ClockWrong: {Failed, Text{
		"The clock is wrong by {offset}, and dates on grants and receipts with it: let the box reach time servers (UDP port 123) through the router.",
		"Die Uhr geht um {offset} falsch, und damit auch die Daten auf Freigaben und Belegen: bitte der Box im Router den Weg zu Zeitservern (UDP-Port 123) freigeben.",
	}},
	ClockPast: {Failed, Text{
		"The clock shows {date}, which is long past: let the box reach time servers (UDP port 123) through the router, and restart it.",
		"Die Uhr zeigt den {date}, der längst vorbei ist: bitte der Box im Router den Weg zu Zeitservern (UDP-Port 123) freigeben und sie neu starten.",
	}},
	ClockNever:   {Unknown, Text{"Not compared with a time server since the start.", "Seit dem Start nicht mit einem Zeitserver verglichen."}},
	ClockUnknown: {Unknown, Text{"Not compared with a time server for two days.", "Seit zwei Tagen nicht mit einem Zeitserver verglichen."}},

	SeederFine: {OK, Text{"Running.", "Läuft."}},
	SeederSilent: {Failed, Text{
		"The program that keeps the feeds does not answer: restart the box, and send its log to whoever looks after it when it comes again.",
		"Das Programm, das die Feeds verwahrt, antwortet nicht: bitte die Box neu starten und bei Wiederholung ihr Protokoll der Betreuung schicken.",
	}},
	SeederUnknown: {Unknown, Text{"Nobody has asked it yet.", "Es hat noch niemand gefragt."}},

	StoreFine: {OK, Text{"Open, without errors.", "Geöffnet, ohne Fehler."}},
	StoreErrors: {Warning, Text{
		"{count} errors when reading or writing within an hour: check the disk's cable and power, and replace the disk when it goes on.",
		"{count} Fehler beim Lesen oder Schreiben binnen einer Stunde: bitte Kabel und Strom des Datenträgers prüfen und ihn ersetzen, wenn es so weitergeht.",
	}},
	StoreClosed: {Failed, Text{
		"The store does not open: restart the box, and look at its log when it comes again.",
		"Der Speicher lässt sich nicht öffnen: bitte die Box neu starten und bei Wiederholung in ihrem Protokoll nachsehen.",
	}},
	StoreIsDamaged: {Failed, Text{
		"The store's index is damaged: put in an empty disk, and the feeds are fetched again from the partners.",
		"Das Verzeichnis des Speichers ist beschädigt: bitte einen leeren Datenträger einsetzen, die Feeds werden dann von den Partnern neu geholt.",
	}},
	StoreIsNewer: {Failed, Text{
		"A newer version wrote the store: update the box again.",
		"Eine neuere Version hat den Speicher geschrieben: bitte die Box wieder aktualisieren.",
	}},
	StoreIsForeign: {Failed, Text{
		"The disk holds something other than a store: put in the right one, or an empty one.",
		"Auf dem Datenträger liegt etwas anderes als ein Speicher: bitte den richtigen oder einen leeren einsetzen.",
	}},
	StoreIsGone: {Failed, Text{
		"The data disk with the store is gone: check its cable and power; nothing is lost, and all goes on when it is back.",
		"Der Datenträger mit dem Speicher ist fort: bitte Kabel und Strom prüfen; nichts ist verloren, und alles geht weiter, wenn er wieder da ist.",
	}},
	StoreMoves: {Warning, Text{
		"The store is being moved to the data disk: leave the box on; partners are served again when that is done.",
		"Der Speicher zieht auf den Datenträger um: bitte die Box eingeschaltet lassen; danach werden die Partner wieder bedient.",
	}},
	StoreUnknown: {Unknown, Text{"Nobody has asked the seeder yet.", "Den Seeder hat noch niemand gefragt."}},

	ScrubClean:   {OK, Text{"All was read back and whole {ago} ago.", "Vor {ago} wurde alles zurückgelesen und war heil."}},
	ScrubFirst:   {OK, Text{"The first round is still to end.", "Der erste Durchgang ist noch nicht zu Ende."}},
	ScrubNothing: {OK, Text{"There is nothing to read back yet.", "Es gibt noch nichts zurückzulesen."}},
	ScrubLate: {Warning, Text{
		"Nothing was read back to the end for {ago}: leave the box on all the time, and look at its log when it is.",
		"Seit {ago} wurde nicht mehr alles zurückgelesen: bitte die Box immer eingeschaltet lassen und andernfalls in ihrem Protokoll nachsehen.",
	}},
	ScrubDamage: {Failed, Text{
		"{count} blocks are damaged and not whole again yet: keep the partners' computers on, which have them, and replace the disk.",
		"{count} Blöcke sind beschädigt und noch nicht wiederhergestellt: bitte die Rechner der Partner anlassen, die sie haben, und den Datenträger ersetzen.",
	}},
	ScrubUnknown: {Unknown, Text{"Nobody has asked the seeder yet.", "Den Seeder hat noch niemand gefragt."}},

	ReachDirect:      {OK, Text{"Others reach the box directly.", "Andere erreichen die Box auf direktem Weg."}},
	ReachHolePunched: {OK, Text{"Others reach the box through the router.", "Andere erreichen die Box durch den Router hindurch."}},
	ReachRelayed: {Warning, Text{
		"Others reach the box by way of a relay alone, which is slow: forward port 4001 (TCP and UDP) to it in the router.",
		"Andere erreichen die Box nur über eine langsame Vermittlung: bitte im Router den Port 4001 (TCP und UDP) an sie weiterleiten.",
	}},
	ReachNone: {Failed, Text{
		"Nobody reaches the box from outside: check the router's Internet connection, and forward port 4001 (TCP and UDP) to the box.",
		"Von außen erreicht niemand die Box: bitte die Internetverbindung des Routers prüfen und den Port 4001 (TCP und UDP) an sie weiterleiten.",
	}},
	ReachUnknown: {Unknown, Text{"Not tried out yet.", "Noch nicht ausprobiert."}},

	PinsComplete: {OK, Text{"All {count} are complete.", "Alle {count} sind vollständig."}},
	PinsComing:   {OK, Text{"{count} are being fetched.", "{count} werden gerade geholt."}},
	PinsNone:     {OK, Text{"There is none yet.", "Es gibt noch keine."}},
	PinsLate: {Warning, Text{
		"{count} are incomplete, one for {behind}: ask the partner to leave a computer on that has the rest.",
		"{count} sind unvollständig, eine seit {behind}: bitte den Partner bitten, einen Rechner anzulassen, der das Fehlende hat.",
	}},
	PinsOverQuota: {Warning, Text{
		"{count} want more room than was granted: grant the partner more, or ask for less.",
		"{count} brauchen mehr Platz als freigegeben: bitte dem Partner mehr freigeben oder ihn um weniger bitten.",
	}},
	PinsFrozen: {Failed, Text{
		"{count} are frozen, as their writer contradicted himself: ask the partner whether a computer was restored or a key was stolen.",
		"{count} sind eingefroren, weil ihr Schreiber sich widersprochen hat: bitte den Partner fragen, ob ein Rechner wiederhergestellt oder ein Schlüssel gestohlen wurde.",
	}},
	PinsUnknown: {Unknown, Text{"Nobody has asked the seeder yet.", "Den Seeder hat noch niemand gefragt."}},

	OperatorSeen: {OK, Text{"Seen {ago} ago.", "Zuletzt vor {ago}."}},
	OperatorUnseen: {Warning, Text{
		"No operator's program has asked for {ago}: run “coboxctl status” on the operator's computer.",
		"Seit {ago} hat kein Programm der Betreuung nachgefragt: bitte dort „coboxctl status“ aufrufen.",
	}},
	OperatorUnknown: {Unknown, Text{"Not seen since the start.", "Seit dem Start noch nicht."}},
	OperatorNone: {Warning, Text{
		"Nobody owns the box yet: run “coboxctl pair” on a computer in the same network, with the code on the label.",
		"Die Box gehört noch niemandem: bitte auf einem Rechner im selben Netz „coboxctl pair“ mit dem Code auf dem Etikett aufrufen.",
	}},

	UpdateSettled: {OK, Text{"The newest image works.", "Das neueste System läuft."}},
	UpdateTrial:   {OK, Text{"A new image is being tried out.", "Ein neues System wird ausprobiert."}},
	UpdateRolledBack: {Warning, Text{
		"The last update did not work, and the image before it runs: look at the log, and update again.",
		"Das letzte Update lief nicht, und das System davor ist aktiv: bitte im Protokoll nachsehen und erneut aktualisieren.",
	}},
	UpdateNone: {OK, Text{"No update was made yet.", "Es gab noch kein Update."}},
}

// Findings returns all findings, in order of their words.
func Findings() []Finding { return slices.Sorted(maps.Keys(findings)) }
