package board_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/board"
)

// machine returns the root of a machine with these files.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	const (
		serial = "proc/device-tree/serial-number"
		uuid   = "sys/class/dmi/id/product_uuid"
		mac    = "sys/class/net/eth0/address"
	)
	for name, test := range map[string]struct {
		files map[string]string
		by    string
	}{
		"raspberry pi":        {map[string]string{serial: "10000000abcdef01\x00", mac: "b8:27:eb:00:00:01\n"}, "serial"},
		"pc":                  {map[string]string{uuid: "4c4c4544-0042-3510-8052-b4c04f4d3233\n"}, "dmi"},
		"pc without a serial": {map[string]string{uuid: "00000000-0000-0000-0000-000000000000\n", mac: "b8:27:eb:00:00:01\n"}, "mac"},
		"a maker's filler":    {map[string]string{"sys/class/dmi/id/board_serial": "Default string\n", mac: "b8:27:eb:00:00:01\n"}, "mac"},
		"nothing":             {nil, ""},
	} {
		id := board.Read(machine(t, test.files))
		if id.By != test.by || test.by != "" && len(id.Digest) != 16 {
			t.Errorf("%s: Read = %v, want one by %q", name, id, test.by)
		}
	}
	one := board.Read(machine(t, map[string]string{serial: "10000000ABCDEF01\x00"}))
	if two := board.Read(machine(t, map[string]string{serial: "10000000abcdef01\n"})); one != two {
		t.Errorf("one board has the IDs %v and %v", one, two)
	}
	if other := board.Read(machine(t, map[string]string{serial: "10000000abcdef02"})); one == other {
		t.Error("two boards have one ID")
	}
	if strings.Contains(one.String(), "abcdef") {
		t.Error("the ID tells the serial number")
	}
}

// Acceptance case 23: a copy of the card in a second board is noticed, there alone.
func TestCase23ClonedCard(t *testing.T) {
	state := t.TempDir()
	first, second := board.ID{By: "serial", Digest: "0000000000000001"}, board.ID{By: "serial", Digest: "0000000000000002"}
	steps := []struct {
		on     board.ID
		decide board.ID
		cloned bool
	}{
		{on: board.ID{}}, {on: first}, {on: first}, {on: second, cloned: true}, {on: second, cloned: true}, {on: first}, {on: board.ID{}},
		{on: second, decide: first, cloned: true}, // the operator meant another board
		{on: second, decide: second},
		{on: second},
		{on: first, cloned: true},
	}
	for i, s := range steps {
		if s.decide != (board.ID{}) {
			if err := board.Decide(state, s.decide.String()); err != nil {
				t.Fatal(err)
			}
		}
		if cloned, err := board.Check(state, s.on); cloned != s.cloned || err != nil {
			t.Fatalf("step %d, on %v: Check = %v, %v, want %v", i, s.on, cloned, err, s.cloned)
		}
	}
}

// A damaged note keeps no box from its work.
func TestDamagedNote(t *testing.T) {
	id := board.ID{By: "dmi", Digest: "0123456789abcdef"}
	for _, text := range []string{"", "x", strings.Repeat("long ", 1000), "dmi:0123456789abcdee 00\n"} {
		state := machine(t, map[string]string{"own/board": text})
		if cloned, err := board.Check(state, id); cloned || err != nil {
			t.Errorf("with the note %.20q: %v, %v", text, cloned, err)
		}
		if cloned, err := board.Check(state, board.ID{By: "dmi", Digest: "ffffffffffffffff"}); !cloned || err != nil {
			t.Errorf("the note %.20q was not written anew: %v, %v", text, cloned, err)
		}
	}
}
