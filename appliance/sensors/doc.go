// Package sensors reads the machine that a box runs on: its boot, processors,
// memory, temperatures, supply voltage, disks, file systems and network, from
// /proc and /sys. It only reads, keeps nothing, and judges nothing: what a figure
// means for a box is said by appliance/health.
//
// A figure that the machine does not have is absent (nil, or an empty list), and
// never zero: a board without a thermometer is not at 0 °C. A file that is there
// and cannot be understood is an error, beside all else that could be read.
//
// On systems other than Linux nearly everything is absent, so that a box's
// programs run there all the same.
package sensors
