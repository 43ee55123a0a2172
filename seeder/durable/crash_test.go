//go:build unix

package durable_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"cobox/seeder/durable"
)

// Some tests need a process to kill: the test binary itself, told by this
// variable what to do in the folder in the next one.
const (
	roleEnv = "DURABLE_TEST_ROLE"
	dirEnv  = "DURABLE_TEST_DIR"
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "write":
		writeForever(os.Getenv(dirEnv))
	case "lock":
		holdLock(os.Getenv(dirEnv))
	case "limit":
		writeOverLimit(os.Getenv(dirEnv))
	default:
		fmt.Fprintln(os.Stderr, "unknown role", role)
		os.Exit(2)
	}
}

// child starts the test binary in a role and returns it with its output.
func child(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleEnv+"="+role, dirEnv+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c, bufio.NewReader(out)
}

// pattern is the content number n: whole or torn can be told from it.
func pattern(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 200_000+n%256) }

func writeForever(dir string) {
	for n := 1; ; n++ {
		if err := durable.WriteFile(filepath.Join(dir, "file"), pattern(n), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// A process that is killed in the middle of writing leaves an old file or a
// new one, whole and not older than what it was told is written, and at most
// one temporary file, which Clean finds.
func TestKillInTheMiddle(t *testing.T) {
	for round := range 10 {
		dir := t.TempDir()
		c, out := child(t, "write", dir)
		var told int
		for range round + 1 {
			if _, err := fmt.Fscanln(out, &told); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for { // what it said before it died
			if _, err := fmt.Fscanln(out, &told); err != nil {
				break
			}
		}
		got, err := os.ReadFile(filepath.Join(dir, "file"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, pattern(told)) && !bytes.Equal(got, pattern(told+1)) {
			t.Fatalf("after the kill the file is neither number %d nor the next: %d bytes", told, len(got))
		}
		if n, err := durable.Clean(dir); n > 1 || err != nil {
			t.Fatalf("Clean = %d, %v", n, err)
		}
		wantNames(t, dir, "file")
	}
}

// writeOverLimit may write 1000 bytes to a file, as if the disk were full then.
func writeOverLimit(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := unix.Rlimit{Cur: 1000, Max: 1000}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println("setrlimit:", err)
		os.Exit(0)
	}
	fmt.Println(durable.WriteFile(filepath.Join(dir, "file"), pattern(2), 0o600))
	os.Exit(0)
}

func TestFullDiskLeavesOld(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := durable.WriteFile(path, pattern(1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out := child(t, "limit", dir)
	line, _ := out.ReadString('\n')
	if want := "writing " + path + ": file too large\n"; line != want {
		t.Errorf("the write said %q, want %q", line, want)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, pattern(1)) {
		t.Errorf("the old file is gone: %d bytes", len(got))
	}
	wantNames(t, dir, "file")
}

func holdLock(dir string) {
	if _, err := durable.Lock(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	select {}
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	c, out := child(t, "lock", dir)
	if line, err := out.ReadString('\n'); line != "locked\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	_, err := durable.Lock(dir)
	if err == nil {
		t.Fatal("two processes locked one folder")
	}
	for _, part := range []string{dir, fmt.Sprintf("process %d", c.Process.Pid)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("Lock = %q, does not tell %q", err, part)
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	unlock, err := durable.Lock(dir)
	if err != nil {
		t.Fatalf("after the other process died: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}
