package boottest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/appliance/boottest"
)

// machine is a program in QEMU's place: it shows nothing on its console at its first
// silent power-ons, then a line; and stays on.
const machine = `#!/bin/sh
for arg; do case "$arg" in file:*) console=${arg#file:};; esac; done
echo on >> %[1]s
if [ "$(wc -l < %[1]s)" -gt %[2]d ]; then echo "a kernel" >> "$console"; fi
exec sleep 600
`

// TestPowerOn: a machine that shows nothing is switched off and on again, which is
// said, three times at most; one that shows anything is left alone.
func TestPowerOn(t *testing.T) {
	for silent, silence := range map[int]time.Duration{
		0: 0,               // as long as it takes
		1: 5 * time.Second, // long enough for the one that speaks
		3: time.Second / 10,
	} {
		t.Run(fmt.Sprint(silent), func(t *testing.T) {
			dir := t.TempDir()
			count := filepath.Join(dir, "power-ons")
			if err := os.WriteFile(filepath.Join(dir, "qemu-system-aarch64"), fmt.Appendf(nil, machine, count, silent), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
			s := boottest.Setup{Board: boottest.Virt, UEFI: true, Image: "none", Dir: dir, Silence: silence}
			said := 0
			g, err := boottest.PowerOn(t.Context(), s, func(format string, args ...any) {
				said++
				if text := fmt.Sprintf(format, args...); !strings.Contains(text, "switched off and on again") {
					t.Errorf("it says %s", text)
				}
			})
			text, failed := os.ReadFile(count)
			if failed != nil && silent < 3 {
				t.Fatal(failed)
			}
			// A computer that is slow enough has a machine switched on once more.
			ons := strings.Count(string(text), "on\n")
			if silent == 3 {
				// One may be switched off before it has counted itself.
				if !errors.Is(err, boottest.ErrSilent) || said != 2 || ons > 3 {
					t.Errorf("one that never shows anything: %v, after %d power-ons, said %d times", err, ons, said)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer g.Kill()
			if said < silent || ons <= silent || !strings.Contains(g.Console(), "a kernel") {
				t.Errorf("after %d silent ones: %d power-ons, said %d times, the console shows %q", silent, ons, said, g.Console())
			}
		})
	}
}
