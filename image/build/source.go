package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"cobox/image/fat"
)

// A source is what an image is made from: this repository and the modules in
// boards.mod.
type source struct {
	dir     string // the repository
	modules map[string]module
	used    []used
}

// A module is one that files are taken from.
type module struct {
	Path    string
	Version string
	Dir     string
	Sum     string
	Error   string
}

// used is a file that went into the image.
type used struct {
	module module
	name   string
	data   []byte
}

// boardsFile lists the modules, from the repository's top.
const boardsFile = "image/boards.mod"

func openSource(ctx context.Context, dir string, b *Board) (*source, error) {
	s := &source{dir: dir, modules: make(map[string]module)}
	names := []string{gokrazyModule, b.kernel}
	switch {
	case b.kernel == rpiKernel:
		names = append(names, firmwareModule)
	default:
		names = append(names, efiModule)
	}
	if b.bios {
		names = append(names, internalModule)
	}
	out, err := s.run(ctx, nil, append([]string{"mod", "download", "-modfile=" + boardsFile, "-json"}, names...)...)
	if err != nil {
		return nil, fmt.Errorf("fetching kernel and firmware: %w", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("fetching kernel and firmware: %w", err)
		}
		if m.Error != "" {
			return nil, fmt.Errorf("fetching %s: %s", m.Path, m.Error)
		}
		s.modules[m.Path] = m
	}
	return s, s.checkGokrazy(ctx)
}

// checkGokrazy sees to it that the box's first program, which go.mod gives its
// gokrazy, and gokrazy's own programs are of one version.
func (s *source) checkGokrazy(ctx context.Context) error {
	out, err := s.run(ctx, nil, "list", "-m", "-f", "{{.Version}}", gokrazyModule)
	if err != nil {
		return fmt.Errorf("looking for gokrazy in go.mod: %w", err)
	}
	if ours, theirs := strings.TrimSpace(string(out)), s.modules[gokrazyModule].Version; ours != theirs {
		return fmt.Errorf("go.mod has gokrazy %s and %s has %s: they have to be the same", ours, boardsFile, theirs)
	}
	return nil
}

// run runs the go command in the repository, in an environment that is the same
// everywhere but for where things are.
func (s *source) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.dir
	// What a developer has set for his own builds must not show in an image.
	fixed := []string{"GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0", "GODEBUG="}
	cmd.Env = slices.Concat(os.Environ(), fixed, env)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		// With -json what went wrong stands in the answer.
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(append(errOut.Bytes(), out...)))
	}
	return out, nil
}

// A program goes into the root file system.
type program struct {
	path string // there
	pkg  string // what it is built from
	mod  string // the module file, when it is not go.mod
}

// programs are those of a box; package boot starts them.
var programs = []program{
	{"gokrazy/init", "./appliance/cmd/init", ""},
	{"user/seederd", "./appliance/cmd/seederd", ""},
	{"user/provisiond", "./appliance/cmd/provisiond", ""},
	{"gokrazy/dhcp", gokrazyModule + "/cmd/dhcp", boardsFile},
	{"gokrazy/ntp", gokrazyModule + "/cmd/ntp", boardsFile},
}

// build builds a program for an architecture.
func (s *source) build(ctx context.Context, p program, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "mkimage-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "program")
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out}
	if p.mod != "" {
		args = append(args, "-modfile="+p.mod)
	}
	if _, err := s.run(ctx, []string{"GOOS=linux", "GOARCH=" + arch}, append(args, p.pkg)...); err != nil {
		return nil, fmt.Errorf("building %s: %w", p.path, err)
	}
	return os.ReadFile(out)
}

// file returns a file of a module, and notes that it was used.
func (s *source) file(mod, name string) ([]byte, error) {
	m, ok := s.modules[mod]
	if !ok {
		panic("build: module " + mod + " was not fetched")
	}
	data, err := os.ReadFile(filepath.Join(m.Dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, mod, err)
	}
	s.used = append(s.used, used{m, name, data})
	return data, nil
}

// glob returns all files of a module whose names match, sorted.
func (s *source) glob(mod, pattern string) (files []fat.File, err error) {
	dir := s.modules[mod].Dir
	paths, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return nil, err
		}
		name = filepath.ToSlash(name)
		data, err := s.file(mod, name)
		if err != nil {
			return nil, err
		}
		files = append(files, fat.File{Name: name, Data: data})
	}
	return files, nil
}
