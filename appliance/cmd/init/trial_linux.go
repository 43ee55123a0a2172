package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"cobox/appliance/boot"
	"cobox/appliance/update"
)

// tryUpdate ends an update that was under way when the machine was started: a system
// on trial has to show that it works, or the machine goes back to the one before. It
// is here, in the first program, because that goes on whatever the others do.
func tryUpdate(ctx context.Context, console io.Writer) {
	log := slog.New(slog.NewTextHandler(console, nil)).With("program", "init")
	card, err := openSlots()
	if errors.Is(err, update.ErrNoSlots) {
		return
	}
	if err != nil {
		log.Error("looking after updates", "error", err)
		return
	}
	system, err := update.RunningSystem()
	look := update.NewChecker(boot.StateDir).Look
	if err != nil {
		log.Error("looking after updates", "error", err)
		look = func(context.Context, update.Condition) update.Finding {
			return update.Finding{Problem: err.Error(), Hopeless: true}
		}
	}
	t := &update.Trial{
		State: boot.StateDir, Slots: card, Running: update.Running{Version: system.Version, Trial: card.Trial()},
		Look: look, Uptime: update.Uptime, Kill: update.Kill, Log: log,
	}
	if err := t.Run(ctx); err != nil {
		log.Error("looking after updates", "error", err)
	}
}

// openSlots waits for gokrazy to answer, by which the slots are swapped.
func openSlots() (card update.Card, err error) {
	for range 300 {
		if card, err = update.Open(); !errors.Is(err, update.ErrNoSlots) {
			return card, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}
