package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRightsOf(t *testing.T) {
	proc := t.TempDir()
	for pid, text := range map[string]string{
		"1":  "Name:\tinit\nUid:\t0\t0\t0\t0\nCapEff:\tff\n",
		"77": "Name:\tseederd\nUid:\t900\t900\t900\t900\nCapEff:\t0\nCapBnd:\t0\nNoNewPrivs:\t1\n",
	} {
		if err := os.Mkdir(filepath.Join(proc, pid), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "status"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rightsOf(proc, "seederd"); got != "user 900 900 900 900, capabilities 0 of 0, no new privileges 1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := rightsOf(proc, "sshd"); err == nil {
		t.Error("a program that does not run has rights")
	}
	self, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rightsOf("/proc", strings.TrimSpace(string(self))); err != nil || !strings.HasPrefix(got, "user ") {
		t.Errorf("of this test: %q, %v", got, err)
	}
}
