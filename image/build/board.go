package build

import (
	"fmt"
	"strings"

	"cobox/image/fat"
	"cobox/provision"
)

// A Board is a kind of machine that images are made for.
type Board struct {
	Name  string // as in /etc/cobox/release
	About string // for people
	arch  string // as GOARCH

	kernel string // the module with kernel, device trees and modules
	// release is what the kernel calls itself (uname -r). It is written down, since
	// what a module says and what is in it are not always the same: a commit of
	// kernel.amd64 has the modules of 7.1.3 beside a kernel that is 7.1.2.
	release string
	console string // the kernel's parameters for what it prints on
	cmdline int    // bytes of cmdline.txt; what the loader reads
	// files are what the boot volume has besides the kernel and its command line.
	files func(s *source, b *Board) ([]fat.File, error)
	// bios reports whether the image has code in its first sector, for old PCs.
	bios bool
}

// The modules that images are made from; boards.mod has their versions.
const (
	gokrazyModule  = "github.com/gokrazy/gokrazy"
	internalModule = "github.com/gokrazy/internal"   // the loader for PCs
	firmwareModule = "github.com/gokrazy/firmware"   // of the Raspberry Pi
	efiModule      = "github.com/bradfitz/monogok"   // systemd-boot, for UEFI
	efiFolder      = "internal/systemdboot/"         // in it
	rpiKernel      = "github.com/gokrazy/kernel.rpi" // the Raspberry Pi's own
)

// Boards are the boards that there are images for.
var Boards = []Board{
	{
		Name: "rpi", About: "Raspberry Pi 3, 4, 5 and Zero 2 W", arch: "arm64", kernel: rpiKernel, release: "6.12.47-v8",
		console: "console=tty1", cmdline: 1024, files: (*source).piFiles,
	},
	{
		Name: "arm64", About: "64-bit ARM boards with UEFI, and virtual machines", arch: "arm64", kernel: "github.com/gokrazy/kernel.arm64", release: "7.1.3",
		console: "console=tty1 console=ttyAMA0,115200", cmdline: 1024, files: (*source).efiFiles,
	},
	{
		// The loader in the first sector reads one sector, and a zero has to follow.
		Name: "amd64", About: "PCs", arch: "amd64", kernel: "github.com/gokrazy/kernel.amd64", release: "7.1.2",
		console: "console=tty1 console=ttyS0,115200", cmdline: 511, files: (*source).efiFiles, bios: true,
	},
}

// FindBoard returns the board with this name.
func FindBoard(name string) (*Board, error) {
	var names []string
	for i := range Boards {
		if Boards[i].Name == name {
			return &Boards[i], nil
		}
		names = append(names, Boards[i].Name)
	}
	return nil, fmt.Errorf("there is no board %q: there are %s", name, strings.Join(names, ", "))
}

// args returns the kernel's command line. The root file system is the one behind
// partition 1; which of the two is changed by an update, in place.
func (b *Board) args() string {
	root := "root=PARTUUID=" + b.guid(bootPartition).String() + "/PARTNROFF=1"
	return strings.Join([]string{b.console, root, "ro", "rootwait", "init=/gokrazy/init", "panic=10", "oops=panic"}, " ")
}

// padded returns a line with spaces after its end: updates change it in place, and
// add a word (package appliance/slots).
func padded(line string, size int) []byte {
	b := append([]byte(line), '\n')
	for len(b) < size {
		b = append(b, ' ')
	}
	return b
}

// bootFiles returns all files of the boot volume. Those that are rewritten in place
// come first.
func (s *source) bootFiles(b *Board, system []byte) ([]fat.File, error) {
	kernel, err := s.file(b.kernel, "vmlinuz")
	if err != nil {
		return nil, err
	}
	files := []fat.File{
		{Name: CmdlineFile, Data: padded(b.args(), b.cmdline)},
		{Name: provision.PersonalFile, Data: provision.BlankPersonal()},
		{Name: SystemFile, Data: system},
		{Name: KernelFile, Data: kernel},
	}
	more, err := b.files(s, b)
	return append(files, more...), err
}

// Files of the boot volume that are looked for later, besides [provision.PersonalFile].
const (
	CmdlineFile = "cmdline.txt" // the kernel's parameters: one line
	KernelFile  = "vmlinuz"
	SystemFile  = "RELEASE.TXT" // the same as /etc/cobox/release in the root file system
)

// piConfig is what the Raspberry Pi's firmware is told, as gokrazy boots its own
// boards.
const piConfig = `# CoBox Seeder. The firmware of the Raspberry Pi reads this.
arm_64bit=1
kernel=vmlinuz
disable_splash=1
enable_uart=0
`

// piFiles are the firmware, device trees and overlays for the Raspberry Pi. Boards
// from the Pi 4 on have a part of the firmware in a memory of their own.
func (s *source) piFiles(b *Board) ([]fat.File, error) {
	files := []fat.File{{Name: "config.txt", Data: []byte(piConfig)}}
	for _, name := range []string{"bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"} {
		data, err := s.file(firmwareModule, name)
		if err != nil {
			return nil, err
		}
		files = append(files, fat.File{Name: name, Data: data})
	}
	for _, pattern := range []string{"*.dtb", "overlays/*.dtb", "overlays/*.dtbo"} {
		more, err := s.glob(b.kernel, pattern)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return files, nil
}

// efiFiles are the loader for UEFI and what it is told.
func (s *source) efiFiles(b *Board) ([]fat.File, error) {
	loader, name := efiFolder+"systemd-bootaa64.efi", "EFI/BOOT/BOOTAA64.EFI"
	if b.arch == "amd64" {
		loader, name = efiFolder+"systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"
	}
	data, err := s.file(efiModule, loader)
	if err != nil {
		return nil, err
	}
	entry := "title CoBox Seeder\nlinux /" + KernelFile + "\noptions " + b.args()
	return []fat.File{
		{Name: "loader/loader.conf", Data: []byte("default gokrazy.conf\ntimeout 0\neditor no\n")},
		{Name: "loader/entries/gokrazy.conf", Data: padded(entry, 1024)},
		{Name: name, Data: data},
	}, nil
}
