package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"cobox/appliance/health"
	"cobox/appliance/release"
	"cobox/appliance/update"
	"cobox/provision"
)

// A system is what an appliance runs, and what takes in a newer one.
type system struct {
	state string
	card  update.Card
	*provision.Updates
}

// openSystem returns the system of an appliance. On other computers it is nil: there is
// nothing to update.
func openSystem(state string, log *slog.Logger) (*system, error) {
	card, err := update.Open()
	if errors.Is(err, update.ErrNoSlots) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	runs, err := update.RunningSystem()
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(release.KeysFile, log)
	if err != nil {
		return nil, err
	}
	s := &system{state, card, &provision.Updates{
		Box: update.NewBox(state, card, runs, card.Trial(), log), Keys: keys, Before: update.NewChecker(state).Condition,
	}}
	return s, s.Box.Interrupted()
}

// readKeys reads the release keys that the image came with. An image that somebody made
// for himself has none, and its system takes no release.
func readKeys(path string, log *slog.Logger) (release.Keys, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		log.Info("this image was made without release keys, and takes no updates: mkimage build -keys FILE makes one that does")
		return release.Keys{}, nil
	}
	if err != nil {
		return release.Keys{}, fmt.Errorf("reading the release keys: %w", err)
	}
	return release.ParseKeys(text)
}

// updateHealth tells how the latest update went, and which slot runs, of a system
// that has slots.
func updateHealth(state string, s *system) (how health.Update, slot string) {
	if s != nil {
		slot = s.card.Name()
	}
	r, err := update.Read(state)
	if err != nil {
		return health.NoUpdate, slot
	}
	return r.Health(), slot
}

// disk returns the name of the disk with the system; "" where nobody knows.
func (s *system) disk() string {
	if s == nil {
		return ""
	}
	return s.card.Disk()
}
