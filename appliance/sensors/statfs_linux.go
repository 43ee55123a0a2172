package sensors

import "golang.org/x/sys/unix"

// statfs fills in v's sizes.
func statfs(path string, v *Volume) error {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return err
	}
	block := uint64(st.Bsize)
	v.SizeBytes, v.FreeBytes, v.AvailableBytes = st.Blocks*block, st.Bfree*block, st.Bavail*block
	v.Files, v.FilesFree = st.Files, st.Ffree
	return nil
}

// SameVolume reports whether two folders are on one file system. What is not there
// is on that of the other.
func SameVolume(a, b string) bool {
	var sa, sb unix.Stat_t
	return unix.Stat(a, &sa) != nil || unix.Stat(b, &sb) != nil || sa.Dev == sb.Dev
}
