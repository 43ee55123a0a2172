package slots_test

import (
	"strings"
	"testing"

	"cobox/appliance/slots"
)

const root = "root=PARTUUID=b86a7293-8bba-8c8d-8e97-ebf55a1c28f2/PARTNROFF="

func TestStart(t *testing.T) {
	file := func(before, n, after string) string {
		text := before + root + n + after
		return text + strings.Repeat(" ", 300-len(text))
	}
	for name, at := range map[string][2]string{
		"cmdline.txt":  {"console=tty1 ", " ro panic=10\n"},
		"loader entry": {"title CoBox\rlinux /vmlinuz\roptions ", " ro panic=10\n"},
		"at its end":   {"ro ", "\n"},
		"alone":        {"", ""},
	} {
		forms := map[slots.Start]string{
			{Slot: slots.A}:            file(at[0], "1", at[1]),
			{Slot: slots.B}:            file(at[0], "2", at[1]),
			{Slot: slots.A, Try: true}: file(at[0], "1 cobox.try=1", at[1]),
			{Slot: slots.B, Try: true}: file(at[0], "2 cobox.try=1", at[1]),
		}
		for from, text := range forms {
			if got, err := slots.ParseStart([]byte(text)); got != from || err != nil {
				t.Errorf("%s: %q says %+v, %v; want %+v", name, text, got, err, from)
			}
			for to, want := range forms {
				if got, err := to.Put([]byte(text)); string(got) != want || err != nil {
					t.Errorf("%s: from %+v to %+v: %q, %v; want %q", name, from, to, got, err, want)
				}
			}
		}
	}
}

func TestNoStart(t *testing.T) {
	for _, text := range []string{
		"", "ro quiet\n", root + "3 ro", root + "12 ro", root + " ro", "xroot=PARTUUID=ab/PARTNROFF=1",
		root + "1 " + root + "2 ", "root=/dev/mmcblk0p2 ro", "root=PARTUUID=xy/PARTNROFF=1 ",
	} {
		if got, err := slots.ParseStart([]byte(text)); err == nil {
			t.Errorf("%q says %+v", text, got)
		}
		if got, err := (slots.Start{Slot: slots.A}).Put([]byte(text)); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
	full := root + "1 ro panic=10\n     "
	if got, err := (slots.Start{Slot: slots.A, Try: true}).Put([]byte(full)); err == nil {
		t.Errorf("where there is no room %q became %q", full, got)
	}
	if got, err := (slots.Start{Slot: slots.B}).Put([]byte(full)); err != nil || string(got) != root+"2 ro panic=10\n     " {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzStart(f *testing.F) {
	f.Add([]byte(root+"1 ro\n            "), true)
	f.Fuzz(func(t *testing.T, text []byte, try bool) {
		was, err := slots.ParseStart(text)
		if err != nil {
			return
		}
		want := slots.Start{Slot: slots.Other(was.Slot), Try: try}
		out, err := want.Put(text)
		if err != nil {
			return
		}
		got, err := slots.ParseStart(out)
		if err != nil || got != want || len(out) != len(text) {
			t.Errorf("%q became %q, which says %+v, %v", text, out, got, err)
		}
	})
}
