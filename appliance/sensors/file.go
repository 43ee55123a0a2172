package sensors

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// maxFile bounds what is read of one file: those here hold a line.
const maxFile = 4096

// A reader reads a machine, and remembers what went wrong.
type reader struct {
	proc, sys string
	addresses func(name string) ([]netip.Prefix, error)
	errs      []error
}

// fail notes an error, unless it says that the machine does not have the thing.
func (r *reader) fail(err error) {
	if err != nil && !absent(err) {
		r.errs = append(r.errs, err)
	}
}

// absent reports whether err says that a thing is not there: no such file, or a
// driver that has the file and no answer.
func absent(err error) bool {
	for _, e := range []error{
		fs.ErrNotExist, syscall.ENODEV, syscall.ENXIO, syscall.EOPNOTSUPP, syscall.EINVAL, syscall.ENODATA,
		syscall.ENOTDIR, syscall.EAGAIN,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// text returns a file's content without the space around it, and whether there is any.
func (r *reader) text(path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		r.fail(err)
		return "", false
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		r.fail(err)
		return "", false
	}
	// The device tree ends its texts with a zero byte.
	s := strings.TrimSpace(strings.TrimRight(string(b), "\x00"))
	return s, s != ""
}

// uint returns the number that a file holds: decimal, or hexadecimal after 0x.
func (r *reader) uint(path string) (uint64, bool) {
	s, ok := r.text(path)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		r.fail(fmt.Errorf("%s holds %q, which is no number", path, clip(s)))
		return 0, false
	}
	return n, true
}

// int is uint for numbers that may be negative.
func (r *reader) int(path string) (int64, bool) {
	s, ok := r.text(path)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		r.fail(fmt.Errorf("%s holds %q, which is no number", path, clip(s)))
		return 0, false
	}
	return n, true
}

// names returns what is in a folder, in order.
func (r *reader) names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.fail(err)
		return nil
	}
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.Name()
	}
	slices.SortFunc(list, compareNames)
	return list
}

// compareNames orders names with their numbers as numbers: zone2 before zone10.
func compareNames(a, b string) int {
	if len(a) != len(b) && strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// target returns where the symbolic link at path leads, "" when there is none.
func target(path string) string {
	to, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return to
}

// clip makes a name that the kernel gave fit to be a label and to be shown.
func clip(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\ufffd' {
			return '?'
		}
		return c
	}, s)
	if len(s) > maxNameLen {
		return strings.ToValidUTF8(s[:maxNameLen], "")
	}
	return s
}
