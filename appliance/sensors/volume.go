package sensors

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// volumes reads the file systems that the box needs.
func (r *reader) volumes(fs procfs.FS, want []VolumeAt) []Volume {
	if len(want) == 0 {
		return nil
	}
	mounts, err := fs.GetMounts()
	if err != nil {
		r.fail(fmt.Errorf("reading mounts: %w", err))
	}
	var list []Volume
	for _, at := range want[:min(len(want), MaxVolumes)] {
		list = append(list, r.volume(mounts, at))
	}
	return list
}

func (r *reader) volume(mounts []*procfs.MountInfo, at VolumeAt) Volume {
	v := Volume{Name: at.Name}
	path, err := filepath.EvalSymlinks(at.Path)
	if err != nil {
		r.fail(err)
		return v
	}
	if path, err = filepath.Abs(path); err != nil {
		r.fail(err)
		return v
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		r.fail(err)
		return v
	}
	m := mountOf(mounts, path)
	if at.Mounted && (m == nil || m.MountPoint != path) || at.Type != "" && (m == nil || m.FSType != at.Type) {
		return v
	}
	if err := statfs(path, &v); err != nil {
		r.fail(fmt.Errorf("looking at the file system of %s: %w", at.Name, err))
		return v
	}
	v.Present = true
	if m == nil {
		return v
	}
	v.Type = clip(m.FSType)
	_, ro := m.Options["ro"]
	_, superRO := m.SuperOptions["ro"] // how ext4 shuts itself after an error
	v.ReadOnly = ro || superRO
	v.Disk = r.diskOf(m.MajorMinorVer)
	if v.Type == "ext4" {
		if n, ok := r.uint(filepath.Join(r.sys, "fs/ext4", filepath.Base(m.Source), "errors_count")); ok {
			v.Errors = &n
		}
	}
	return v
}

// mountOf returns the mount that path lies on: of those whose mount point is path or
// a folder above it the deepest, and of several at one place the last.
func mountOf(mounts []*procfs.MountInfo, path string) *procfs.MountInfo {
	var best *procfs.MountInfo
	for _, m := range mounts {
		within := m.MountPoint == path || strings.HasPrefix(path, strings.TrimSuffix(m.MountPoint, "/")+"/")
		if within && (best == nil || len(m.MountPoint) >= len(best.MountPoint)) {
			best = m
		}
	}
	return best
}

// diskOf returns the disk that a device is or is a partition of, "" when it is on none.
func (r *reader) diskOf(device string) string {
	to := target(filepath.Join(r.sys, "dev/block", device))
	if to == "" {
		return ""
	}
	if exists(filepath.Join(to, "partition")) {
		to = filepath.Dir(to)
	}
	name := filepath.Base(to)
	if !slices.Contains(r.names(filepath.Join(r.sys, "block")), name) {
		return ""
	}
	return clip(name)
}
