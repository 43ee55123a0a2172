// Package smart asks disks how they are: NVMe and SATA disks keep count of their
// temperature, hours, wear, spare blocks and lost sectors (SMART). Cards and eMMC are
// not asked: what they tell is in sysfs, and read by appliance/sensors. A disk in a USB
// case tells nothing, unless its case shows it to the kernel as a SATA disk.
//
// It takes root, or the right to send disks raw commands; without it, as on somebody's
// computer, there is nothing to tell, and that is no error.
//
// Asking is slow and may be dangerous to one's own progress: a disk that dies can keep
// the question in the kernel for half a minute and more, where nobody can end it. So
// disks are asked in the background, seldom, each by itself; whoever looks gets the last
// answer at once. A disk that nobody uses just now is not asked, as it may be asleep:
// spinning up for a question every ten minutes would wear it out.
package smart
