package usage_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobox/hack/usage"
)

// What a process burns, allocates and writes shows.
func TestSampler(t *testing.T) {
	s, err := usage.Sample(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	memory := make([]byte, 64<<20)
	var sum byte
	for began := time.Now(); ; {
		for i := range memory {
			memory[i]++
			sum += memory[i]
		}
		if p, err := usage.Of(os.Getpid()); err != nil || p.Anonymous >= 64<<20 && time.Since(began) > 100*time.Millisecond {
			break
		}
	}
	p, err := s.End()
	if err != nil || p.CPU < 50*time.Millisecond || p.Anonymous < 64<<20 || p.Peak < p.Anonymous {
		t.Errorf("after 100 ms of work on 64 MiB (%d): %+v, %v", sum, p, err)
	}
	if _, err := usage.Of(1 << 30); err == nil {
		t.Error("a process that there is not uses something")
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := usage.Disk(dir); err != nil || n < 100_000 || n > 200_000 {
		t.Errorf("a file of 100 kB takes %d bytes, %v", n, err)
	}
}
