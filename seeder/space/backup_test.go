package space_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func hashOf(b []byte) [32]byte { return sha256.Sum256(b) }

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = r.Read(b)
	return b
}

// makeOdd fills a folder with everything that a file system can hold without
// the rights of root.
func makeOdd(t testing.TB, w *world) {
	t.Helper()
	at := func(name string) string { return filepath.Join(w.source, name) }
	w.write("empty", nil)
	w.write("small", []byte("hello"))
	w.write("big", randomBytes(1, 5<<20))
	w.write("text", []byte(strings.Repeat("all work and no play\n", 100_000)))
	w.write("name with spaces \n\t\"'*?", []byte("x"))
	w.write("\xff\xfe not utf-8 \x80", []byte("y"))
	w.write("-rf", []byte("z"))
	w.write(".hidden/deep/deeper/deepest/file", []byte("down here"))
	w.write(strings.Repeat("n", 255), []byte("long name"))
	w.write(strings.Repeat("d/", 100)+"bottom", []byte("very deep"))
	must(t, os.Mkdir(at("empty folder"), 0o700))
	must(t, os.Mkdir(at("closed folder"), 0o755))
	w.write("closed folder/inside", []byte("1"))
	must(t, os.Chmod(at("closed folder"), 0o555))
	must(t, os.Mkdir(at("sticky"), 0o755))
	must(t, os.Chmod(at("sticky"), 0o777|os.ModeSticky))
	w.write("executable", []byte("#!/bin/sh\n"))
	must(t, os.Chmod(at("executable"), 0o755))
	w.write("read-only", []byte("r"))
	must(t, os.Chmod(at("read-only"), 0o400))
	must(t, os.Symlink("small", at("link")))
	must(t, os.Symlink("/does/not/exist/\xff", at("dangling")))
	must(t, os.Symlink("../..", at("out of here")))
	must(t, os.Link(at("big"), at("same as big")))
	must(t, syscall.Mkfifo(at("pipe"), 0o640))
	f, err := os.Create(at("sparse"))
	must(t, err)
	_, err = f.WriteAt([]byte("in the middle"), 10<<20)
	must(t, err)
	must(t, f.Truncate(64<<20))
	must(t, f.Close())
	w.write("zeros", make([]byte, 3<<20))
	w.write("zeros inside", append(append(randomBytes(2, 100_001), make([]byte, 2<<20)...), randomBytes(3, 77)...))
	for i := range 40 {
		w.write(fmt.Sprintf("many/file%03d", i), randomBytes(uint64(i+100), i*1000))
	}
	setTime(t, at("small"), time.Date(1969, 7, 20, 20, 17, 40, 123456789, time.UTC))
	setTime(t, at("executable"), time.Date(2106, 2, 7, 6, 28, 16, 999999999, time.UTC))
	setTime(t, at("empty folder"), time.Unix(0, 1))
	setTime(t, at("many"), time.Unix(1e9, 7))
}

func TestRoundTrip(t *testing.T) {
	w := newWorld(t)
	makeOdd(t, w)
	result := w.backup()
	dest := w.restore(result.Snapshot)
	sameListing(t, listing(t, w.source), listing(t, dest))
	for _, name := range []string{"sparse", "zeros"} {
		info, err := os.Stat(filepath.Join(dest, name))
		must(t, err)
		if stored := info.Sys().(*syscall.Stat_t).Blocks * 512; stored > 1<<20 {
			t.Errorf("%s takes %d bytes on disk", name, stored)
		}
	}
	if result.BytesRead > 20<<20 {
		t.Errorf("read %d bytes: holes were read", result.BytesRead)
	}
}

// An unchanged folder is not read again, and its snapshot is one small block.
func TestUnchanged(t *testing.T) {
	w := newWorld(t)
	makeOdd(t, w)
	first := w.backup()
	if len(w.opened) == 0 {
		t.Fatal("the first backup read nothing")
	}
	length, appends := w.log.Length(), w.log.appends
	second := w.backup()
	if len(w.opened) != 0 {
		t.Errorf("the second backup read %q", w.opened)
	}
	if n := w.log.Length() - length; n != 1 || w.log.appends != appends+1 {
		t.Errorf("the second backup appended %d blocks in %d pieces", n, w.log.appends-appends)
	}
	if n := len(w.log.blocks[length]); n > 1024 {
		t.Errorf("the block of the second backup has %d bytes", n)
	}
	if second.Snapshot.Root.Tree != first.Snapshot.Root.Tree {
		t.Error("the root changed")
	}
	if second.Snapshot.Previous != first.Snapshot.Ref.Block {
		t.Errorf("the second snapshot follows block %d, not %d", second.Snapshot.Previous, first.Snapshot.Ref.Block)
	}
	sameListing(t, listing(t, w.source), listing(t, w.restore(second.Snapshot)))
}

// The stat of a file decides: content that was replaced behind its back is not seen.
func TestOnlyStatIsCompared(t *testing.T) {
	w := newWorld(t)
	w.write("a", []byte("one"))
	w.write("b", bytes.Repeat([]byte("b"), 100))
	w.backup()
	w.write("b", bytes.Repeat([]byte("c"), 100))
	w.backup()
	if len(w.opened) != 1 || w.opened[0] != "b" {
		t.Errorf("read %q, want b alone", w.opened)
	}
}
