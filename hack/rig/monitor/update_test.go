package monitor

import (
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"time"

	"cobox/appliance/release"
	"cobox/appliance/update"
)

// memorySlots are the slots of a computer that has none.
type memorySlots struct{ other []byte }

func (m *memorySlots) Write(_ context.Context, root io.Reader) (err error) {
	m.other, err = io.ReadAll(root)
	return err
}

func (m *memorySlots) Sum(context.Context, int64) ([sha256.Size]byte, error) {
	return sha256.Sum256(m.other), nil
}

func (m *memorySlots) Arm(context.Context) error     { return nil }
func (m *memorySlots) Commit(context.Context) error  { return nil }
func (m *memorySlots) Restart(context.Context) error { return nil }

// update has the box go through an update to a version that is found to be well, or
// not: as its programs do, but that no machine is started.
func (s *scene) update(version uint64, found update.Finding) {
	s.t.Helper()
	running := release.System{Product: release.Product, Board: "arm64", Version: 1, Name: "old"}
	next := running
	next.Version = version
	root := "a root file system"
	slots := &memorySlots{}
	err := update.NewBox(s.path("box"), slots, running, false, nil).Receive(s.t.Context(), update.Attempt{
		Manifest: release.Manifest{System: next, Root: release.File{Sum: sha256.Sum256([]byte(root)), Size: int64(len(root))}},
		Order:    update.Order{Epoch: 1, Seq: version},
	}, strings.NewReader(root))
	if err != nil {
		s.t.Fatal(err)
	}
	began := time.Now()
	err = (&update.Trial{
		State: s.path("box"), Slots: slots, Running: update.Running{Version: version, Trial: true}, Steady: time.Second,
		Look:   func(context.Context, update.Condition) update.Finding { return found },
		Uptime: func() time.Duration { return time.Since(began) }, Kill: func() {},
	}).Run(s.t.Context())
	if (err == nil) != (found.Problem == "") {
		s.t.Fatalf("the trial of version %d: %v", version, err)
	}
}
