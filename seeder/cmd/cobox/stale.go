package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cobox/seeder/alarm"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
)

// watchDir is what is remembered of the boxes of spaces, a file a space: since when
// a box has not had everything, and what was told of that.
const watchDir = "watch"

// wholeTimes are when each box of a space, as the partner wrote it, last signed that
// it has everything; for one that never did, since when it is looked at.
type wholeTimes map[string]time.Time

func (h *home) wholePath(sp *spaceFile) string {
	return filepath.Join(h.dir, watchDir, sp.ID+".whole")
}

// readWhole returns the times of a space; none when there are none yet.
func (h *home) readWhole(sp *spaceFile) (wholeTimes, error) {
	times := wholeTimes{}
	text, err := os.ReadFile(h.wholePath(sp))
	if errors.Is(err, fs.ErrNotExist) {
		return times, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &times)
	}
	if err != nil {
		return nil, fmt.Errorf("reading when the boxes had everything: %w (remove %s, and it is counted from now)", err, h.wholePath(sp))
	}
	return times, nil
}

// noteWhole notes that boxes have everything now.
func (h *home) noteWhole(sp *spaceFile, boxes []delivery) error {
	times, err := h.readWhole(sp)
	if err != nil {
		return err
	}
	for _, d := range boxes {
		if d.Receipt {
			times[d.Box] = time.Now().UTC().Truncate(time.Millisecond)
		}
	}
	return h.writeWhole(sp, times)
}

func (h *home) writeWhole(sp *spaceFile, times wholeTimes) error {
	text, err := json.MarshalIndent(times, "", "  ")
	if err == nil {
		err = durable.Mkdir(filepath.Join(h.dir, watchDir), 0o700)
	}
	if err == nil {
		err = durable.WriteFile(h.wholePath(sp), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting when the boxes had everything: %w", err)
	}
	return nil
}

// A vigil looks whether a space's boxes have everything, while its backups go on or
// hang. Its clock is this computer's: what a box says of the time is not needed.
type vigil struct {
	call   *cli.Call
	name   string // of the space
	stale  time.Duration
	teller *alarm.Teller
}

// How often a vigil looks: ten times in the time that a box may be behind.
const (
	oftenest = 100 * time.Millisecond
	seldom   = 5 * time.Minute
)

// run looks until ctx is done. What fails is said, and tried again.
func (v *vigil) run(ctx context.Context) {
	tick := time.NewTicker(min(max(v.stale/10, oftenest), seldom))
	defer tick.Stop()
	said := ""
	for {
		err := v.look(ctx)
		if text := fmt.Sprint(err); err != nil && ctx.Err() == nil && text != said {
			fmt.Fprintf(v.call.Err, "cobox: error: %v\n", err)
			said = text
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look looks once, and tells what is new.
func (v *vigil) look(ctx context.Context) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	sp, err := h.readSpace(v.name)
	if err != nil {
		return err
	}
	times, err := h.readWhole(sp)
	if err != nil {
		return err
	}
	book, err := alarm.OpenBook(filepath.Join(h.dir, watchDir, sp.ID+".told"))
	if err != nil {
		return err
	}
	now := time.Now()
	var troubles []alarm.Trouble
	fresh := false
	for _, box := range sp.Boxes {
		at, known := times[box]
		switch {
		case !known || at.After(now): // of another clock
			times[box], fresh = now.UTC(), true
		case now.Sub(at) >= v.stale:
			troubles = append(troubles, alarm.Trouble{ID: box, Box: "box " + box, Kind: "stale", Again: "it has all of " + sp.Name + " again",
				Text: fmt.Sprintf("it has not had all of %s since %s", sp.Name, at.Local().Format("Monday 2 January 15:04"))})
		}
	}
	if fresh {
		if err := h.writeWhole(sp, times); err != nil {
			return err
		}
	}
	return v.tell(ctx, sp, book, now, troubles)
}

// tell tells what is new of the troubles, and why it is so.
func (v *vigil) tell(ctx context.Context, sp *spaceFile, book *alarm.Book, now time.Time, troubles []alarm.Trouble) error {
	nobody := func(string) bool { return false }
	for _, e := range book.Compare(now, troubles, nobody) {
		for i := range troubles {
			if t := &troubles[i]; !e.Over && t.ID == e.ID {
				t.Text += ": " + v.why(ctx, t.ID)
			}
		}
	}
	told, err := v.teller.Round(ctx, book, now, troubles, nobody)
	for _, e := range told {
		fmt.Fprintf(v.call.Err, "cobox: warning: %s\n", e.Words())
	}
	return err
}

// why asks a box what is the matter.
func (v *vigil) why(ctx context.Context, box string) string {
	s, sp, err := openSpace(ctx, v.name, false)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = s.close() }() // it only read
	st := s.boxState(ctx, sp, box)
	switch {
	case st.Error != "":
		return "it does not answer, or not to us (" + st.Error + "): ask its operator"
	case st.Quota == 0:
		return errNoRoom.Text
	case st.complete():
		return "it answers, but this computer brings it nothing: is the folder there, and does “cobox backup " + sp.Name + "” work?"
	}
	return "it answers, and lacks some: “cobox status " + sp.Name + "” says what"
}
