package build

import (
	"context"
	"io/fs"
	"time"

	"cobox/appliance/release"
	"cobox/image/squashfs"
)

// Paths in the root file system, besides those in package release.
const (
	sbomFile = "/etc/cobox/sbom.json"
)

// skeleton is what a root file system has besides programs. There is no
// etc/gokr-pw.txt: without it gokrazy does not listen on the network.
func skeleton() []squashfs.Entry {
	const folder = fs.ModeDir | 0o755
	return []squashfs.Entry{
		{Path: "dev", Mode: folder},
		{Path: "proc", Mode: folder},
		{Path: "sys", Mode: folder},
		{Path: "tmp", Mode: folder},
		{Path: "run", Mode: folder},
		{Path: "perm", Mode: folder},
		{Path: "mnt", Mode: folder},
		{Path: "etc/ssl", Mode: folder},
		{Path: "lib/modules", Mode: folder},
		{Path: "var", Mode: fs.ModeSymlink | 0o777, Link: "/perm/var"},
		{Path: "etc/hostname", Mode: 0o644, Data: []byte("cobox")},
		{Path: "etc/hosts", Mode: 0o644, Data: []byte("127.0.0.1 localhost\n::1 localhost\n")},
		{Path: "etc/localtime", Mode: fs.ModeSymlink | 0o777, Link: "/usr/share/zoneinfo/UTC"}, // leads nowhere: UTC
		{Path: "etc/resolv.conf", Mode: fs.ModeSymlink | 0o777, Link: "/tmp/resolv.conf"},
	}
}

// root returns the root file system.
func (s *source) root(ctx context.Context, b *Board, system release.System, keys []byte, at time.Time, step func(string)) ([]byte, error) {
	entries := skeleton()
	built := make(map[string][]byte)
	for _, p := range programs {
		step("building " + p.path)
		data, err := s.build(ctx, p, b.arch)
		if err != nil {
			return nil, err
		}
		built[p.path] = data
		entries = append(entries, squashfs.Entry{Path: p.path, Mode: 0o755, Data: data})
	}
	sbom, err := s.sbom(b, system, built)
	if err != nil {
		return nil, err
	}
	text := func(path string, data []byte) {
		entries = append(entries, squashfs.Entry{Path: path[1:], Mode: 0o644, Data: data})
	}
	text(release.SystemFile, system.Append(nil))
	text(sbomFile, sbom)
	if len(keys) > 0 {
		text(release.KeysFile, keys)
	}
	step("packing the root file system")
	return squashfs.Make(entries, at)
}
