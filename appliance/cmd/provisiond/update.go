package main

import (
	"errors"
	"fmt"
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

// openSystem returns the system of an appliance. On other computers, and where the
// system came without release keys, it is nil: there is nothing to update.
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
	text, err := os.ReadFile(release.KeysFile)
	if err != nil {
		return nil, fmt.Errorf("reading the release keys: %w", err)
	}
	keys, err := release.ParseKeys(text)
	if err != nil {
		return nil, err
	}
	s := &system{state, card, &provision.Updates{
		Box: update.NewBox(state, card, runs, card.Trial(), log), Keys: keys, Before: update.NewChecker(state).Condition,
	}}
	return s, s.Box.Interrupted()
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
