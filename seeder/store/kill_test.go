package store_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// killEnv tells the test binary that it is the child of TestKill, and where.
const killEnv = "COBOX_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		if err := ingest(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const killBlocks = 1200

func killWriter() *storetest.Writer {
	w := storetest.NewWriter(1)
	w.Append(storetest.RandomBlocks(rand.New(rand.NewPCG(1, 1)), killBlocks, 20_000)...)
	return w
}

// ingest takes a feed in, going on where it was, and prints each block that is
// acknowledged to be on the disk.
func ingest(dir string) error {
	w := killWriter()
	s, err := store.Open(dir, store.WithSmallIndex(store.Config{Rest: 5 * time.Millisecond}))
	if err != nil {
		return err
	}
	f, err := s.Create(w.Key)
	if err != nil {
		return err
	}
	if f.State().Head.Length == 0 {
		if err := w.Upgrade(f); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	var put []int
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	for _, i := range r.Perm(killBlocks) {
		if f.Known(uint64(i)) {
			continue
		}
		if err := w.Fetch(f, uint64(i)); err != nil {
			return err
		}
		if put = append(put, i); len(put) < 1+r.IntN(40) {
			continue
		}
		if err := f.Flush(testContext); err != nil {
			return err
		}
		for _, i := range put {
			fmt.Println(i)
		}
		put = put[:0]
	}
	return s.Close()
}

// TestKill kills a process that takes a feed in, again and again.
func TestKill(t *testing.T) {
	dir := storeDir(t)
	w := killWriter()
	acknowledged := make(map[int]bool)
	r := rand.New(rand.NewPCG(2, 2))
	for range 10 {
		killOnce(t, dir, r, acknowledged)
		s, err := store.Open(dir, store.WithSmallIndex(store.Config{}))
		must(t, err)
		f, err := s.Feed(w.Key)
		must(t, err)
		for i := range acknowledged {
			if got, err := f.Block(uint64(i), nil); err != nil || !f.Has(uint64(i)) || !bytes.Equal(got, w.Blocks[i]) {
				t.Fatalf("block %d was acknowledged before the kill: Block = %d bytes, %v", i, len(got), err)
			}
		}
		storetest.CheckScrub(t, storetest.Of(s))
		must(t, s.Close())
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged in ten rounds")
	}
	s := openStore(t, dir)
	f, err := s.Feed(w.Key)
	must(t, err)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	check(t, s, w)
}

// killOnce runs a child, lets it acknowledge some blocks, and kills it.
func killOnce(t *testing.T, dir string, r *rand.Rand, acknowledged map[int]bool) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), killEnv+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the child said %q: %s", lines.Text(), stderr.String())
	}
	kill := time.AfterFunc(time.Duration(r.IntN(40))*time.Millisecond, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	for lines.Scan() {
		var i int
		if _, err := fmt.Sscan(lines.Text(), &i); err == nil {
			acknowledged[i] = true
		}
	}
	_ = cmd.Wait() // it was killed
	if stderr.Len() > 0 {
		t.Fatalf("the child failed: %s", stderr.String())
	}
}
