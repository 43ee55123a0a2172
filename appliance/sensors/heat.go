package sensors

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Hardware monitors whose first temperature is worth a look where there is no
// thermal zone for it: processors of PCs, and disks.
var monitors = map[string]bool{"coretemp": true, "k10temp": true, "cpu_thermal": true, "nvme": true, "drivetemp": true}

// temperatures reads the thermal zones, and the hardware monitors that have none.
func (r *reader) temperatures() []Temperature {
	var list []Temperature
	add := func(name, file string) {
		milli, ok := r.int(file)
		// A sensor that is switched off shows absurd figures in some drivers.
		if !ok || milli < -60_000 || milli > 200_000 || len(list) == MaxTemperatures {
			return
		}
		list = append(list, Temperature{Sensor: unique(list, clip(name)), Celsius: float64(milli) / 1000})
	}
	zones := filepath.Join(r.sys, "class/thermal")
	for _, zone := range r.names(zones) {
		if !strings.HasPrefix(zone, "thermal_zone") {
			continue
		}
		if name, ok := r.text(filepath.Join(zones, zone, "type")); ok {
			add(name, filepath.Join(zones, zone, "temp"))
		}
	}
	hwmon := filepath.Join(r.sys, "class/hwmon")
	for _, dir := range r.names(hwmon) {
		name, _ := r.text(filepath.Join(hwmon, dir, "name"))
		// cpu_thermal is the thermal zone cpu-thermal once more.
		if monitors[name] && !has(list, strings.ReplaceAll(name, "_", "-")) {
			add(name, filepath.Join(hwmon, dir, "temp1_input"))
		}
	}
	return list
}

func has(list []Temperature, sensor string) bool {
	for _, t := range list {
		if t.Sensor == sensor {
			return true
		}
	}
	return false
}

// unique returns name, or name with a number behind it when it is taken.
func unique(list []Temperature, name string) string {
	free := name
	for i := 2; has(list, free); i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	return free
}

// The bits of a Raspberry Pi's get_throttled; 16 bits higher they say that it has been
// so since the start.
const (
	bitUnderVoltage = iota
	bitFrequencyCapped
	bitThrottled
	bitTemperatureLimit
)

// power asks the firmware of a Raspberry Pi, by the file that its own kernel has, or
// else by the voltage alarm that every kernel has for it.
func (r *reader) power() *Power {
	if s, ok := r.text(filepath.Join(r.sys, "devices/platform/soc/soc:firmware/get_throttled")); ok {
		bits, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 32)
		if err == nil {
			alarm := func(bit int) *Alarm {
				ever := bits>>(bit+16)&1 == 1
				return &Alarm{Now: bits>>bit&1 == 1, SinceBoot: &ever}
			}
			return &Power{alarm(bitUnderVoltage), alarm(bitFrequencyCapped), alarm(bitThrottled), alarm(bitTemperatureLimit)}
		}
		r.fail(err)
	}
	hwmon := filepath.Join(r.sys, "class/hwmon")
	for _, dir := range r.names(hwmon) {
		if name, _ := r.text(filepath.Join(hwmon, dir, "name")); name == "rpi_volt" {
			if alarm, ok := r.uint(filepath.Join(hwmon, dir, "in0_lcrit_alarm")); ok {
				return &Power{UnderVoltage: &Alarm{Now: alarm != 0}}
			}
		}
	}
	return nil
}
