package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/store"

	"golang.org/x/sys/unix"
)

// storeAlone measures the store without a network: how long it takes to open after
// its process was killed while it wrote, and random reads from the disk, beside those
// from a plain file.
func storeAlone(ctx context.Context, j job) (err error) {
	dir, err := os.MkdirTemp("", "cobox-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	per := j.blocks / j.rounds
	var opened []time.Duration
	for range j.rounds {
		if err := fillAndKill(ctx, j, dir, per); err != nil {
			return err
		}
		if err := forget(dir); err != nil {
			return err
		}
		began := time.Now()
		st, err := store.Open(dir, store.Config{})
		if err != nil {
			return err
		}
		opened = append(opened, time.Since(began))
		if err := st.Close(); err != nil {
			return err
		}
	}
	slices.Sort(opened)
	fmt.Printf("a store of %.1f GiB opens in %v (%v to %v) after kill -9 in the middle of writing, with nothing of it in memory\n",
		float64(per*j.rounds*j.block)/(1<<30), round(opened[len(opened)/2]), round(opened[0]), round(opened[len(opened)-1]))
	return coldReads(ctx, j, dir)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// fillAndKill has another process append blocks to the store, and kills it while it
// goes on with that.
func fillAndKill(ctx context.Context, j job, dir string, blocks int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-fill", dir, "-block", fmt.Sprint(j.block))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for done := 0; done < blocks && lines.Scan(); done += fillGroup {
	}
	if err := errors.Join(lines.Err(), cmd.Process.Kill()); err != nil {
		return err
	}
	_ = cmd.Wait() // it was killed
	return ctx.Err()
}

// fillGroup is how many blocks are appended at once.
const fillGroup = 64

var fillKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// fill appends random blocks to the one feed of a store until it is killed, and
// says so after each group.
func fill(ctx context.Context, dir string, block int) error {
	st, err := store.Open(dir, store.Config{})
	if err != nil {
		return err
	}
	f, m, err := fillFeed(st)
	if err != nil {
		return err
	}
	sign := func(h feed.Head) (feed.Head, error) { return feed.Sign(m.Key(), m, fillKey, h) }
	r := rand.NewChaCha8([32]byte{byte(f.State().Head.Length >> 8)})
	for {
		group := make([][]byte, fillGroup)
		for i := range group {
			group[i] = make([]byte, block)
			_, _ = r.Read(group[i]) // never fails
		}
		if _, err := f.Append(ctx, group, sign); err != nil {
			return err
		}
		if _, err := fmt.Println(f.State().Head.Length); err != nil {
			return err
		}
	}
}

func fillFeed(st *store.Store) (*store.Feed, *feed.Manifest, error) {
	m := feed.NewManifest(fillKey.Public().(ed25519.PublicKey))
	f, err := st.Create(m.Key())
	if err == nil {
		err = f.SetManifest(m)
	}
	return f, m, err
}

// forget has the kernel drop what it keeps of a folder's files in memory.
func forget(dir string) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(unix.Fsync(int(f.Fd())), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	})
}

// coldBatch is how many blocks are read between two looks at the clock.
const coldBatch = 500

// coldReads reads random blocks that are not in memory, from the store and with pread
// from the same file, in turns.
func coldReads(ctx context.Context, j job, dir string) (err error) {
	files, err := filepath.Glob(filepath.Join(dir, "feeds", "*", "*.blocks"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("the store has %d block files, not one", len(files)))
	}
	plain, err := os.Open(files[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	st, err := store.Open(dir, store.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f, _, err := fillFeed(st)
	if err != nil {
		return err
	}
	buf := make([]byte, j.block)
	ways := []struct {
		name  string
		read  func(i uint64) error
		rates []float64
	}{
		{name: "pread", read: func(i uint64) error {
			_, err := plain.ReadAt(buf, int64(i)*int64(j.block))
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}},
		{name: "store", read: func(i uint64) error {
			_, err := f.Block(i, buf)
			return err
		}},
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range j.rounds {
		for turn := range ways {
			w := (round + turn) % len(ways) // who comes second may find a disk that has to catch up
			if err := forget(dir); err != nil {
				return err
			}
			began := time.Now()
			for range coldBatch {
				if err := errors.Join(ctx.Err(), ways[w].read(r.Uint64N(f.Durable().Head.Length))); err != nil {
					return err
				}
			}
			ways[w].rates = append(ways[w].rates, coldBatch/time.Since(began).Seconds())
		}
	}
	var text strings.Builder
	var medians []float64
	for _, w := range ways {
		slices.Sort(w.rates)
		m := w.rates[len(w.rates)/2]
		medians = append(medians, m)
		fmt.Fprintf(&text, "%s %.0f/s (%.0f to %.0f), ", w.name, m, w.rates[0], w.rates[len(w.rates)-1])
	}
	fmt.Printf("cold random reads of blocks of %d bytes: %sso x %.2f\n", j.block, text.String(), medians[1]/medians[0])
	return nil
}
