package entropy_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/entropy"
	"cobox/seeder/boxkey"
)

// counting gives bytes that differ, the same in each run.
func counting(from byte) io.Reader {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i) + from
	}
	return bytes.NewReader(b)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Each source alone is enough to make another key.
func TestEverySourceCounts(t *testing.T) {
	same := func() entropy.Sources {
		return entropy.Sources{Kernel: counting(0), Hardware: counting(1), FlashSeed: []byte("seed from flashing"), Circumstances: []byte("board")}
	}
	first, err := entropy.Seed(same())
	if err != nil || len(first) != 32 {
		t.Fatalf("Seed = %x, %v", first, err)
	}
	if again, _ := entropy.Seed(same()); !bytes.Equal(first, again) {
		t.Error("the same sources give another seed: something else went in")
	}
	for name, change := range map[string]func(*entropy.Sources){
		"kernel":           func(s *entropy.Sources) { s.Kernel = counting(9) },
		"hardware":         func(s *entropy.Sources) { s.Hardware = counting(9) },
		"no hardware":      func(s *entropy.Sources) { s.Hardware = nil },
		"hardware is gone": func(s *entropy.Sources) { s.Hardware = strings.NewReader("") },
		"flash":            func(s *entropy.Sources) { s.FlashSeed = []byte("another seed") },
		"no flash":         func(s *entropy.Sources) { s.FlashSeed = nil },
		"board":            func(s *entropy.Sources) { s.Circumstances = nil },
	} {
		s := same()
		change(&s)
		if got, err := entropy.Seed(s); err != nil || bytes.Equal(got, first) {
			t.Errorf("%s: the same seed, or %v", name, err)
		}
	}
}

// Acceptance case 54: an empty or equal source makes no identity.
func TestCase54BrokenSources(t *testing.T) {
	equal := func() io.Reader { return strings.NewReader(strings.Repeat("thirty-two bytes that come again", 2)) }
	for name, s := range map[string]entropy.Sources{
		"kernel gives zeros":         {Kernel: zeros{}},
		"kernel repeats":             {Kernel: equal()},
		"kernel ends":                {Kernel: strings.NewReader("short")},
		"hardware gives zeros":       {Kernel: counting(0), Hardware: zeros{}},
		"hardware repeats":           {Kernel: counting(0), Hardware: equal()},
		"flash seed was never set":   {Kernel: counting(0), FlashSeed: make([]byte, 64)},
		"flash seed is all spaces":   {Kernel: counting(0), FlashSeed: bytes.Repeat([]byte(" "), 64)},
		"kernel broken, others good": {Kernel: zeros{}, Hardware: counting(0), FlashSeed: []byte("seed")},
	} {
		dir := t.TempDir()
		if made, err := entropy.MakeKey(dir, s); err == nil || made {
			t.Errorf("%s: MakeKey = %v, %v", name, made, err)
		}
		if names, _ := os.ReadDir(dir); len(names) > 0 {
			t.Errorf("%s: left %v behind", name, names)
		}
	}
}

func TestMakeKeyOnce(t *testing.T) {
	dir := t.TempDir()
	good := entropy.Sources{Kernel: rand.Reader}
	if made, err := entropy.MakeKey(dir, good); err != nil || !made {
		t.Fatalf("MakeKey = %v, %v", made, err)
	}
	first, err := boxkey.Load(dir) // both daemons read it so
	if err != nil {
		t.Fatal(err)
	}
	if made, err := entropy.MakeKey(dir, good); err != nil || made {
		t.Errorf("the second MakeKey = %v, %v", made, err)
	}
	if again, err := boxkey.Load(dir); err != nil || !again.Equal(first) {
		t.Errorf("the box has another key: %v", err)
	}
	damaged := filepath.Join(dir, entropy.KeyFile)
	if err := os.WriteFile(damaged, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := entropy.MakeKey(dir, good); err != nil || made {
		t.Errorf("MakeKey over a damaged key = %v, %v", made, err)
	}
	if text, _ := os.ReadFile(damaged); string(text) != "short" {
		t.Error("a damaged key was replaced")
	}
}

func TestRenew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed")
	var pool bytes.Buffer
	if err := entropy.Renew(file, &pool, counting(0)); err != nil || pool.Len() != 0 {
		t.Fatalf("without a saved seed: %v, %d bytes in the pool", err, pool.Len())
	}
	saved, err := os.ReadFile(file)
	if err != nil || len(saved) != 64 {
		t.Fatalf("saved: %d bytes, %v", len(saved), err)
	}
	if err := entropy.Renew(file, &pool, counting(1)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pool.Bytes(), saved) {
		t.Error("the saved seed did not get into the pool")
	}
	if next, _ := os.ReadFile(file); bytes.Equal(next, saved) {
		t.Error("the seed stays the same from start to start")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the saved seed: %v, %v", info, err)
	}
	if err := entropy.Renew(file, &pool, strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("with a kernel that gives nothing: %v", err)
	}
}
