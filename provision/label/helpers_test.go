package label_test

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"cobox/provision/label"
)

// alphabet is that of LABEL.md, written down again.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// A counter is a random source that always gives the same bytes.
type counter struct {
	n    uint64
	left []byte
}

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		if len(c.left) == 0 {
			h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.n))
			c.n, c.left = c.n+1, h[:]
		}
		p[i], c.left = c.left[0], c.left[1:]
	}
	return len(p), nil
}

// must returns a function that returns v or ends the test.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// bare returns the 20 symbols of c without dashes.
func bare(c label.Code) string { return strings.ReplaceAll(c.Text(), "-", "") }
