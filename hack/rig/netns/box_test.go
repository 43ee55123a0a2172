package netns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobox/hack/rig/programs"
	"cobox/seeder/api"
)

// relay runs coboxctl relay on the host, and returns its TCP address.
func (h *host) relay() string {
	t := h.world.t
	t.Helper()
	out := h.daemon("coboxctl", "relay", "-state", t.TempDir(), "-json")
	return relayAddr(t, out)
}

// relayAddr waits until a relay has printed where it is.
func relayAddr(t *testing.T, out *programs.Output) (addr string) {
	t.Helper()
	until(t, "the relay", func() error {
		var printed struct{ Addrs []string }
		if err := json.Unmarshal([]byte(out.String()), &printed); err != nil {
			return err
		}
		for _, a := range printed.Addrs {
			if strings.HasPrefix(a, "/ip4/"+publicNet) && strings.Contains(a, "/tcp/") {
				addr = a
				return nil
			}
		}
		return fmt.Errorf("no public address in %v", printed.Addrs)
	})
	return addr
}

// A box is a host that runs both daemons of a box.
type box struct {
	*host
	id    string
	code  string // on its label
	state string
}

// box runs a box that was just flashed, to be paired with from anywhere.
func (h *host) box(relay string) *box {
	t := h.world.t
	t.Helper()
	// A short path: that of a socket is bounded.
	state, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	b := &box{host: h, state: state}
	var label struct{ Code string }
	out, err := exec.Command(filepath.Join(bin, "mkimage"), "personalise", "-state", state, "-anywhere", "-json").Output()
	if err == nil {
		err = json.Unmarshal(out, &label)
	}
	if err != nil {
		t.Fatalf("making the label: %v\n%s", err, out)
	}
	b.code = label.Code
	h.daemon("provisiond", "-state", state)
	h.daemon("seederd", "-authority", "-state", state, "-mdns=off", "-relay", relay, "-bootstrap", relay,
		"-listen", "/ip4/0.0.0.0/tcp/4001", "-listen", "/ip4/0.0.0.0/udp/4001/quic-v1")
	until(t, "the box", func() error {
		st, err := b.status()
		b.id = st.ID
		return err
	})
	return b
}

// status asks the box by its socket, which is in no namespace.
func (b *box) status() (st api.BoxStatus, err error) {
	cmd := exec.Command(filepath.Join(bin, "seederd"), "-state", b.state, "-status", "-json")
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return st, fmt.Errorf("asking the box: %w\n%s", err, &errOut)
	}
	return st, json.Unmarshal(out, &st)
}
