package health

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A Text says one thing in each language.
type Text struct {
	EN string `json:"en"`
	DE string `json:"de"`
}

// In returns the text for a language tag such as "de-AT": German for German, and
// English for all others.
func (t Text) In(language string) string {
	tag, _, _ := strings.Cut(strings.ToLower(language), "-")
	if tag == "de" {
		return t.DE
	}
	return t.EN
}

// args are the figures of a sentence, each in both languages, by name.
type args map[string]Text

// fill puts the figures in place of {name}.
func (a args) fill(t Text) Text {
	var en, de []string
	for name, value := range a {
		en = append(en, "{"+name+"}", value.EN)
		de = append(de, "{"+name+"}", value.DE)
	}
	return Text{strings.NewReplacer(en...).Replace(t.EN), strings.NewReplacer(de...).Replace(t.DE)}
}

// plain is the same in both languages.
func plain(s string) Text { return Text{s, s} }

func whole(n uint64) Text { return plain(strconv.FormatUint(n, 10)) }

// Number writes v with so many digits behind the point, or the comma.
func Number(v float64, digits int) Text {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return plain("?")
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	return Text{s, strings.Replace(s, ".", ",", 1)}
}

// Size writes bytes in units of 1000, as disks are sold.
func Size(bytes uint64) Text {
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	v, unit := float64(bytes), 0
	for v >= 999.5 && unit < len(units)-1 {
		v, unit = v/1000, unit+1
	}
	digits := 0
	if unit > 0 && v < 99.95 {
		digits = 1
	}
	t := Number(v, digits)
	return Text{t.EN + " " + units[unit], t.DE + " " + units[unit]}
}

// Duration writes d in its largest unit, such as "3 days", in the German dative, as
// after "seit" and "vor".
func Duration(d time.Duration) Text {
	for _, u := range []struct {
		of              time.Duration
		one, many       string
		eines, mehrerer string
	}{
		{24 * time.Hour, "day", "days", "Tag", "Tagen"},
		{time.Hour, "hour", "hours", "Stunde", "Stunden"},
		{time.Minute, "minute", "minutes", "Minute", "Minuten"},
	} {
		if n := int64(d / u.of); n > 1 || n == 1 && u.of != 24*time.Hour {
			if n == 1 {
				return Text{"1 " + u.one, "1 " + u.eines}
			}
			s := strconv.FormatInt(n, 10)
			return Text{s + " " + u.many, s + " " + u.mehrerer}
		}
	}
	s := strconv.FormatInt(int64(max(d, 0)/time.Second), 10)
	return Text{s + " s", s + " s"}
}

func date(t time.Time) Text {
	t = t.UTC()
	return Text{t.Format("2 January 2006"), t.Format("02.01.2006")}
}

// volumeName calls a volume as people would.
func volumeName(name string) Text {
	switch name {
	case DataVolume:
		return Text{"the data disk", "der Datenträger"}
	case StateVolume:
		return Text{"the system card", "die Systemkarte"}
	}
	return Text{"the disk " + strconv.Quote(name), "der Datenträger „" + name + "“"}
}
