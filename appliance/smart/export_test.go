package smart

import "cobox/appliance/sensors"

// AskDriver asks as a Watch does by itself.
func AskDriver(device string, kind sensors.DiskKind) error {
	_, err := ask(device, kind)
	return err
}
