package sensors

import (
	"net/netip"
	"time"
)

// The bounds of a [Reading]. What a machine has beyond them is left out, in order of
// name, so that a box with a shelf of disks does not grow its metrics without end.
const (
	MaxTemperatures = 8
	MaxDisks        = 8
	MaxVolumes      = 4
	MaxInterfaces   = 8
	MaxAddresses    = 16 // of one interface
	maxNameLen      = 32 // bytes of a name that the kernel gave, as it becomes a label
)

// A Reading is what the machine said at one time. The caller owns it.
type Reading struct {
	At           time.Time     `json:"at"`
	Boot         Boot          `json:"boot"`
	CPU          *CPU          `json:"cpu,omitempty"`
	Memory       *Memory       `json:"memory,omitempty"`
	Pressure     []Pressure    `json:"pressure,omitempty"` // cpu, io, memory, where the kernel counts them
	Temperatures []Temperature `json:"temperatures,omitempty"`
	Power        *Power        `json:"power,omitempty"`
	Disks        []Disk        `json:"disks,omitempty"`
	Volumes      []Volume      `json:"volumes,omitempty"` // as [Machine.Volumes] names them
	Network      *Network      `json:"network,omitempty"`
}

// A Cause says why a machine started, in one word.
type Cause string

// The causes that the machine itself can tell. A caller that knows better (it asked
// for the restart itself) overwrites [Boot.Cause] with [Requested] or [Updated].
const (
	UnknownCause Cause = ""
	PowerOn      Cause = "power-on" // power came, after it had gone or for the first time
	Watchdog     Cause = "watchdog" // the watchdog reset a machine that hung
	Panic        Cause = "panic"    // the kernel gave up, and left its last words
	Overheated   Cause = "overheated"
	Undervolted  Cause = "under-voltage"
	Requested    Cause = "requested" // somebody asked for it
	Updated      Cause = "updated"   // to start another image
)

// Causes are all causes, [UnknownCause] left out.
var Causes = [...]Cause{PowerOn, Watchdog, Panic, Overheated, Undervolted, Requested, Updated}

// Boot tells of the machine and of its last start.
type Boot struct {
	ID     string        `json:"id,omitempty"`  // changes at each start
	Time   time.Time     `json:"time,omitzero"` // of the start, by the clock as it is now
	Uptime time.Duration `json:"uptime"`        // 0 when unknown
	Cause  Cause         `json:"cause,omitempty"`
	Model  string        `json:"model,omitempty"` // the board's name
	Kernel string        `json:"kernel,omitempty"`
}

// CPU counts the processors' time since the start, in seconds over all processors.
type CPU struct {
	Count                             int // processors that are on
	User, System, IOWait, Steal, Idle float64
}

// Busy returns the seconds in which processors worked.
func (c CPU) Busy() float64 { return c.User + c.System + c.Steal }

// Memory is in bytes.
type Memory struct {
	SizeBytes      uint64 `json:"sizeBytes"`
	AvailableBytes uint64 `json:"availableBytes"` // that programs could get without swapping
}

// Pressure counts the time that work waited for a resource, since the start.
type Pressure struct {
	Resource string         `json:"resource"`       // "cpu", "io" or "memory"
	Some     time.Duration  `json:"some"`           // when at least one task waited
	Full     *time.Duration `json:"full,omitempty"` // when all tasks waited; nil where it makes no sense
}

// A Temperature is what one thermometer shows.
type Temperature struct {
	Sensor  string  `json:"sensor"` // the kernel's name, such as cpu-thermal; unique in a Reading
	Celsius float64 `json:"celsius"`
}

// Power is what the board says of its supply and of the limits that it set itself.
type Power struct {
	UnderVoltage     *Alarm `json:"underVoltage,omitempty"`
	FrequencyCapped  *Alarm `json:"frequencyCapped,omitempty"`
	Throttled        *Alarm `json:"throttled,omitempty"`
	TemperatureLimit *Alarm `json:"temperatureLimit,omitempty"`
}

// An Alarm is a condition of the board.
type Alarm struct {
	Now       bool  `json:"now"`
	SinceBoot *bool `json:"sinceBoot,omitempty"` // whether it has been at any time; nil when not recorded
}

// A DiskKind says how a disk is attached.
type DiskKind string

// The kinds of disks.
const (
	SDCard    DiskKind = "sd"
	EMMC      DiskKind = "emmc"
	NVMe      DiskKind = "nvme"
	USBDisk   DiskKind = "usb"
	SCSIDisk  DiskKind = "scsi" // SATA too
	Virtual   DiskKind = "virtual"
	OtherDisk DiskKind = "other"
)

// A Disk is a physical block device. Counts are since the start.
type Disk struct {
	Name         string        `json:"name"` // mmcblk0, sda, nvme0n1
	Kind         DiskKind      `json:"kind"`
	SizeBytes    uint64        `json:"sizeBytes"`
	ReadBytes    uint64        `json:"readBytes"`
	WrittenBytes uint64        `json:"writtenBytes"`
	Busy         time.Duration `json:"busy"` // with at least one request under way
	// Errors counts requests that failed, where the driver counts them.
	Errors *uint64 `json:"errors,omitempty"`
	// Wear is the used part of the life that the maker promised; above 1 it is over. Of
	// eMMC it is in steps of 0.1 rounded up (DEVICE_LIFE_TIME_EST); of others it is
	// [Smart.Wear].
	Wear *float64 `json:"wear,omitempty"`
	// Reserve is how the spare blocks stand: eMMC's PRE_EOL_INFO.
	Reserve Reserve `json:"reserve,omitempty"`
	// Smart is what the disk says of itself when it is asked, which [Machine.Read] does
	// not: see appliance/smart.
	Smart *Smart `json:"smart,omitempty"`
}

// A Reserve says how a disk's spare blocks stand; empty when the disk does not tell.
type Reserve string

// The states of the reserve, by the eMMC standard (JESD84).
const (
	ReserveNormal  Reserve = "normal"
	ReserveWarning Reserve = "warning" // 80 % used
	ReserveUrgent  Reserve = "urgent"  // 90 % used
)

// A Volume is a file system that the box needs.
type Volume struct {
	Name string `json:"name"`
	// Present says that the folder is there and, where [VolumeAt.Mounted] asks for it,
	// that something is mounted on it. All below is absent otherwise.
	Present  bool   `json:"present"`
	Type     string `json:"type,omitempty"` // ext4, vfat
	Disk     string `json:"disk,omitempty"` // [Disk.Name], where the file system is on one
	ReadOnly bool   `json:"readOnly,omitempty"`
	// SizeBytes, FreeBytes and AvailableBytes are the whole, what is free, and what of
	// it programs without special rights may use.
	SizeBytes      uint64 `json:"sizeBytes,omitempty"`
	FreeBytes      uint64 `json:"freeBytes,omitempty"`
	AvailableBytes uint64 `json:"availableBytes,omitempty"`
	Files          uint64 `json:"files,omitempty"`     // inodes; 0 where the file system has no fixed number
	FilesFree      uint64 `json:"filesFree,omitempty"` // inodes
	// Errors counts what the file system found damaged in its own structure since it
	// was last repaired (ext4).
	Errors *uint64 `json:"errors,omitempty"`
}

// Network is how the machine is connected.
type Network struct {
	Interfaces []Interface `json:"interfaces,omitempty"` // physical ones, by name
	// DefaultRoute says that there is a way out of the local network. It is nil when
	// unknown.
	DefaultRoute *bool `json:"defaultRoute,omitempty"`
}

// An Interface is a network interface. Counts are since the start.
type Interface struct {
	Name          string         `json:"name"`
	Link          *bool          `json:"link,omitempty"`          // there is a carrier; nil when unknown
	BitsPerSecond uint64         `json:"bitsPerSecond,omitempty"` // of the link; 0 when unknown
	Addresses     []netip.Prefix `json:"addresses,omitempty"`
	ReceivedBytes uint64         `json:"receivedBytes"`
	SentBytes     uint64         `json:"sentBytes"`
	ReceiveErrors uint64         `json:"receiveErrors"`
	SendErrors    uint64         `json:"sendErrors"`
}
