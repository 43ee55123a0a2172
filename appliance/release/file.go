package release

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// MaxNote bounds a signed manifest, in bytes.
const MaxNote = 16 << 10

const magic = "cobox-release/1 "

// Write writes a release file: a signed manifest, and the root file system. It is for
// the caller to see that they belong together.
func Write(w io.Writer, signed []byte, root io.Reader) error {
	if len(signed) > MaxNote {
		return fmt.Errorf("writing the release: a manifest of %d bytes is more than %d", len(signed), MaxNote)
	}
	_, err := fmt.Fprintf(w, "%s%d\n%s", magic, len(signed), signed)
	if err == nil {
		_, err = io.Copy(w, root)
	}
	if err != nil {
		return fmt.Errorf("writing the release: %w", err)
	}
	return nil
}

// Size returns how many bytes the file of a release has.
func Size(signed []byte, m Manifest) int64 {
	return int64(len(fmt.Sprintf("%s%d\n", magic, len(signed)))+len(signed)) + m.Root.Size
}

// Read reads a release file as far as the signed manifest. What r returns after that
// is the root file system, and of unknown length: see [Manifest]. Nothing is verified,
// see [Keys.Open]. Errors wrap [ErrMalformed], or are r's.
func Read(r *bufio.Reader) (signed []byte, err error) {
	defer func() {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = malformed("it ends before its manifest does")
		}
	}()
	var line []byte
	for !strings.HasSuffix(string(line), "\n") {
		if len(line) > len(magic)+8 || len(line) <= len(magic) && !strings.HasPrefix(magic, string(line)) {
			return nil, malformed("it does not begin with %q", magic)
		}
		b, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		line = append(line, b)
	}
	digits, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), magic)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n > MaxNote || digits != strconv.FormatUint(n, 10) {
		return nil, malformed("its first line is %.40q", line)
	}
	signed = make([]byte, n)
	_, err = io.ReadFull(r, signed)
	return signed, err
}
