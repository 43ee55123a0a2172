package boottest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cobox/image/card"
)

// A Board is a kind of machine that QEMU plays.
type Board struct {
	Name string
	// image is the board that the image is made for.
	image string
	// tree is the device tree on the card that the kernel is given; "" when QEMU makes one.
	tree string
	// param are parameters for the kernel besides those on the card.
	param []string
	// args are QEMU's for the machine itself, drive and network for card and port.
	args    []string
	drive   string
	network string
	serial  int // which serial port the console is on
}

// The boards.
var (
	// Virt is QEMU's own 64-bit ARM machine.
	Virt = Board{
		Name: "virt", image: "arm64", param: []string{"console=ttyAMA0,115200"},
		args:  []string{"-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024", "-accel", "tcg,thread=multi"},
		drive: "if=none,id=card,format=raw,file=%s", network: "virtio-net-pci,netdev=n0,romfile=,mac=%s",
	}
	// Pi3 is a Raspberry Pi 3 B with the Raspberry Pi's own kernel. QEMU plays its
	// watchdog in a way that ends the machine; and its network is on USB.
	Pi3 = Board{
		Name: "raspi3b", image: "rpi", tree: "bcm2710-rpi-3-b-plus.dtb",
		param: []string{"console=ttyS0,115200", "initcall_blacklist=bcm2835_wdt_driver_init"},
		args:  []string{"-M", "raspi3b", "-m", "1024", "-accel", "tcg,thread=multi"},
		drive: "if=sd,format=raw,file=%s", network: "usb-net,netdev=n0,mac=%s", serial: 1,
	}
)

// Image returns the name of the board that its image is made for.
func (b Board) Image() string { return b.image }

func (b Board) qemu() string { return "qemu-system-aarch64" }

// usualMAC is not one that is administered locally: by such a one Linux names a port
// on USB otherwise, and the box's DHCP looks for eth0.
const usualMAC = "50:54:00:12:34:56"

// machine returns QEMU's arguments but for the network behind the port.
func (b Board) machine(s Setup, k loaded, console string) []string {
	mac := s.MAC
	if mac == "" {
		mac = usualMAC
	}
	args := append([]string{}, b.args...)
	if s.UEFI {
		args = append(args, "-drive", "if=pflash,format=raw,readonly=on,file="+uefi)
	} else {
		args = append(args, "-kernel", k.kernel, "-append", strings.Join(append(append([]string{k.cmdline}, b.param...), s.Param...), " "))
	}
	if k.tree != "" {
		args = append(args, "-dtb", k.tree)
	}
	args = append(args, "-drive", fmt.Sprintf(b.drive, s.Image))
	if strings.HasPrefix(b.drive, "if=none") {
		args = append(args, "-device", "virtio-blk-pci,drive=card")
	}
	for range b.serial {
		args = append(args, "-serial", "null")
	}
	return append(args, "-device", fmt.Sprintf(b.network, mac), "-serial", "file:"+console)
}

// uefi is the firmware that the Debian package qemu-efi-aarch64 has.
const uefi = "/usr/share/AAVMF/AAVMF_CODE.fd"

// loaded is what the firmware takes from a card.
type loaded struct{ kernel, tree, cmdline string }

// maxKernel bounds what is read of a card's file, in bytes.
const maxKernel = 256 << 20

// loadKernel does what the firmware does: it takes the kernel and the command line
// from the card.
func loadKernel(s Setup) (k loaded, err error) {
	cmdline, err := ReadBootFile(s.Image, "cmdline.txt")
	if err != nil {
		return k, err
	}
	line, _, _ := bytes.Cut(cmdline, []byte("\n"))
	k.cmdline = withoutConsoles(string(line))
	copyOut := func(name string) (string, error) {
		text, err := ReadBootFile(s.Image, name)
		if err != nil {
			return "", err
		}
		path := filepath.Join(s.Dir, name)
		return path, os.WriteFile(path, text, 0o600)
	}
	if k.kernel, err = copyOut("vmlinuz"); err == nil && s.Board.tree != "" {
		k.tree, err = copyOut(s.Board.tree)
	}
	return k, err
}

// withoutConsoles leaves the choice of the console to the harness: of several the
// last is where a box's first program writes.
func withoutConsoles(cmdline string) string {
	var kept []string
	for field := range strings.FieldsSeq(cmdline) {
		if !strings.HasPrefix(field, "console=") {
			kept = append(kept, field)
		}
	}
	return strings.Join(kept, " ")
}

// ReadBootFile returns a file of a card's boot volume.
func ReadBootFile(file, name string) (text []byte, err error) {
	err = withCard(file, func(f *os.File, size int64) error {
		text, err = card.ReadFile(f, size, name, maxKernel)
		return err
	})
	return text, err
}

// withCard opens a file that is a card.
func withCard(file string, do func(f *os.File, size int64) error) (err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return do(f, info.Size())
}
