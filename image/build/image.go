package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cobox/appliance/release"
	"cobox/image/fat"
)

// A Plan says what image is made. Source, Board and File are required.
type Plan struct {
	Source string // the folder of the repository
	Board  *Board
	File   string // where the image goes
	// Version is a number that rises from release to release, and Name what people
	// call it. By default they are the time of the last commit, in seconds, and its
	// name.
	Version uint64
	Name    string
	// Keys are the public release keys by which the box knows updates, one a line;
	// none, and it takes no updates.
	Keys []byte
	// Step, unless nil, is told what is being done.
	Step func(what string)
}

// A Made is an image that was made.
type Made struct {
	File    string `json:"file"`
	Board   string `json:"board"`
	Version uint64 `json:"version"`
	Name    string `json:"name"`
	Sum     string `json:"sha256"`
	Root    string `json:"rootSha256"`
	Size    int64  `json:"size"`
	// RootSize is how much of a slot the root file system takes.
	RootSize int64 `json:"rootSize"`
}

// Image makes an image. The file is there when it is whole.
func Image(ctx context.Context, p Plan) (*Made, error) {
	if p.Step == nil {
		p.Step = func(string) {}
	}
	if len(p.Keys) > 0 {
		if _, err := release.ParseKeys(p.Keys); err != nil {
			return nil, err
		}
	}
	system, at, err := p.system(ctx)
	if err != nil {
		return nil, err
	}
	p.Step("fetching kernel and firmware")
	s, err := openSource(ctx, p.Source, p.Board)
	if err != nil {
		return nil, err
	}
	if err := s.checkKernel(p.Board); err != nil {
		return nil, err
	}
	boot, err := s.bootFiles(p.Board, system.Append(nil))
	if err != nil {
		return nil, err
	}
	var code []byte
	if p.Board.bios {
		if code, err = s.loader(boot); err != nil {
			return nil, err
		}
	}
	root, err := s.root(ctx, p.Board, system, p.Keys, at, p.Step)
	if err != nil {
		return nil, err
	}
	p.Step("writing " + p.File)
	sum, err := p.Board.Write(p.File, Contents{Boot: boot, Root: root, Loader: code, Time: at})
	if err != nil {
		return nil, err
	}
	rootSum := sha256.Sum256(root)
	return &Made{
		File: p.File, Board: p.Board.Name, Version: system.Version, Name: system.Name, Sum: sum,
		Root: hex.EncodeToString(rootSum[:]), Size: Size, RootSize: int64(len(root)),
	}, nil
}

// system returns what the image is, and the time of all files in it: of the last
// commit, so that a later one is later.
func (p Plan) system(ctx context.Context) (release.System, time.Time, error) {
	s := release.System{Product: release.Product, Board: p.Board.Name, Version: p.Version, Name: p.Name}
	var at time.Time
	seconds, err := p.git(ctx, "show", "-s", "--format=%ct", "HEAD")
	if err == nil {
		var n int64
		if n, err = strconv.ParseInt(seconds, 10, 64); err == nil {
			at = time.Unix(n, 0)
		}
	}
	switch {
	case err == nil && s.Version == 0:
		s.Version = uint64(at.Unix())
	case err != nil && (s.Version == 0 || s.Name == ""):
		return s, at, fmt.Errorf("%w (without git, say -version and -name)", err)
	case err != nil:
		at = time.Unix(int64(s.Version), 0)
	}
	if s.Name == "" {
		if s.Name, err = p.git(ctx, "describe", "--always", "--dirty"); err != nil {
			return s, at, err
		}
	}
	if _, err := release.ParseSystem(s.Append(nil)); err != nil {
		return s, at, fmt.Errorf("version %d, name %q: %w", s.Version, s.Name, err)
	}
	return s, at, nil
}

func (p Plan) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", p.Source}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("asking git for the version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// checkKernel sees to it that the kernel is the one that it is taken for. Modules for
// it are in no image, and so need not match.
func (s *source) checkKernel(b *Board) error {
	image, err := os.ReadFile(filepath.Join(s.modules[b.kernel].Dir, KernelFile))
	if err != nil {
		return fmt.Errorf("reading the kernel: %w", err)
	}
	version, err := kernelVersion(image)
	if err != nil {
		return fmt.Errorf("%s: %w", b.kernel, err)
	}
	if version != b.release {
		return fmt.Errorf("%s: the kernel is %s, and image/build/board.go says %s: when %s was changed on purpose, change that too", b.kernel, version, b.release, boardsFile)
	}
	return nil
}

var errNoVersion = errors.New("the kernel does not say its version")

// kernelVersion returns what uname -r will say: what follows "Linux version " in a
// kernel for ARM, and what the header of one for PCs points to.
func kernelVersion(image []byte) (string, error) {
	text := image
	if len(image) > 0x210 && string(image[0x202:0x206]) == "HdrS" {
		at := int(le.Uint16(image[0x20e:])) + 0x200
		if at >= len(image) {
			return "", errNoVersion
		}
		text = image[at:]
	} else {
		_, after, ok := bytes.Cut(image, []byte("Linux version "))
		if !ok {
			return "", errNoVersion
		}
		text = after
	}
	end := bytes.IndexByte(text[:min(len(text), 100)], ' ')
	if end < 1 {
		return "", errNoVersion
	}
	return string(text[:end]), nil
}

// Where the loader in the first sector is told, by sector, where kernel and command
// line begin.
const (
	loaderKernel  = 432
	loaderCmdline = 436
)

// loader returns the code for the first sector of a PC's disk.
func (s *source) loader(boot []fat.File) ([]byte, error) {
	code, err := s.file(internalModule, "mbr/bootloader.img")
	if err != nil {
		return nil, err
	}
	if len(code) != 440 {
		return nil, fmt.Errorf("the loader for PCs has %d bytes, want 440", len(code))
	}
	code = bytes.Clone(code)
	volume, err := makeVolume(boot, time.Time{})
	if err != nil {
		return nil, err
	}
	for name, at := range map[string]int{KernelFile: loaderKernel, CmdlineFile: loaderCmdline} {
		e, err := volume.Find(name)
		if err != nil {
			return nil, err
		}
		le.PutUint32(code[at:], uint32((bootStart+e.Start)/sector))
	}
	return code, nil
}

func makeVolume(files []fat.File, at time.Time) (*fat.Volume, error) {
	var b bytes.Buffer
	if _, err := fat.Write(&b, bootFormat(0, at), files); err != nil {
		return nil, err
	}
	return fat.Open(bytes.NewReader(b.Bytes()))
}

func bootFormat(id uint32, at time.Time) fat.Format {
	return fat.Format{Size: bootSize, Label: "COBOX", ID: id, Time: at, Hidden: bootStart / sector}
}

// Contents are what goes into an image.
type Contents struct {
	Boot   []fat.File // of the boot volume
	Root   []byte     // the root file system
	Loader []byte     // code for the first sector; none on most boards
	Time   time.Time  // of the files on the boot volume
}

// Write writes an image, and returns its SHA-256. The file has its name when it is
// whole.
func (b *Board) Write(path string, c Contents) (sum string, err error) {
	sum, err = b.write(path, c)
	if err != nil {
		return "", fmt.Errorf("writing the image: %w", err)
	}
	return sum, nil
}

func (b *Board) write(path string, c Contents) (sum string, err error) {
	if len(c.Root) > SlotSize {
		return "", fmt.Errorf("the root file system has %d bytes, and a slot %d", len(c.Root), SlotSize)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(f.Name()) }() // is not there any more when all was well
	defer func() { err = errors.Join(err, ignoreClosed(f.Close())) }()
	if err := f.Truncate(Size); err != nil {
		return "", err
	}
	id := b.guid(bootPartition)
	start, end := b.table(c.Loader)
	if _, err := f.WriteAt(start, 0); err != nil {
		return "", err
	}
	if _, err := fat.Write(io.NewOffsetWriter(f, bootStart), bootFormat(le.Uint32(id[:]), c.Time), c.Boot); err != nil {
		return "", err
	}
	if _, err := f.WriteAt(c.Root, rootStart); err != nil {
		return "", err
	}
	if _, err := f.WriteAt(end, Size-int64(len(end))); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, Size)); err != nil {
		return "", err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), os.Rename(f.Name(), path)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
