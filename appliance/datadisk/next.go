package datadisk

import (
	"errors"
	"fmt"
	"io"

	"cobox/appliance/disk"
	"cobox/seeder/shelf"
)

// A place is where a disk is adopted to: the data disk's, or that of the one which takes
// its place.
type place struct {
	id, disk string // of the disk
	at       string
	next     bool
	begun    bool // by the same order, before the power went away
}

func (k *Keeper) placeFor(o Order, id string) place {
	r := k.record
	if !r.Made {
		return place{id: id, disk: o.Disk, at: k.cfg.At, begun: r.ID == id}
	}
	return place{id: id, disk: o.Disk, at: shelf.NextTo(k.cfg.At), next: true, begun: r.Next != nil && r.Next.ID == id}
}

// record returns r with the disk in its place.
func (p place) record(r record, made bool) record {
	if !p.next {
		return record{ID: p.id, Disk: p.disk, Made: made, NotGone: r.NotGone}
	}
	r.Next = &next{p.id, p.disk, made}
	return r
}

// says tells how the disk in the place is.
func (p place) says(k *Keeper, state disk.State, why string) {
	if !p.next {
		k.set(state, why)
		return
	}
	k.setNext(disk.Standing{Disk: p.disk, ID: p.id, State: state, Why: why})
}

func (k *Keeper) setNext(st disk.Standing) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.standing.Next = &st
}

// clear takes away a disk that was to be the next one, when another is to be it.
func (k *Keeper) clear(p place) error {
	if !p.next {
		return nil
	}
	if err := cover(p.at); err != nil {
		return err
	}
	if _, ok := mounted(p.at); ok {
		if err := unmount(p.at); err != nil {
			return err
		}
	}
	n := k.record.Next
	if n == nil || n.ID == p.id {
		return nil
	}
	r := k.record
	r.Next, r.Old = nil, n.ID
	return k.remember(r)
}

// mountNext mounts the disk that is to be the data disk, for the store to move there.
func (k *Keeper) mountNext(n next) {
	at := shelf.NextTo(k.cfg.At)
	say := func(state disk.State, why string) {
		k.setNext(disk.Standing{Disk: n.Disk, ID: n.ID, State: state, Why: why})
	}
	mark := shelf.NewMark(k.cfg.Box, n.ID)
	if number, ok := mounted(at); ok {
		if m, err := shelf.ReadMark(at); err == nil && m == mark && k.cfg.System.Connected(number) {
			say(disk.Here, "the store moves to it")
			return
		}
		if err := unmount(at); err != nil {
			say(disk.Gone, err.Error())
			return
		}
	}
	found, _, err := k.among(n.ID)
	switch {
	case err == nil && len(found) != 1:
		err = errors.New("check its cable and power: the store moves to it when it is back")
	case err == nil && found[0].super.Damaged:
		err = errors.New("its file system is damaged: adopt another one")
	case err == nil:
		if err = cover(at); err == nil {
			err = mount(found[0].device, at)
		}
	}
	if err != nil {
		say(disk.Gone, err.Error())
		return
	}
	say(disk.Here, "the store moves to it")
}

// takeNext makes the next disk the data disk, once the store is there. The note on the
// card says that it is, which counts for nothing less than a verified move. The seeder
// has no store open meanwhile: see shelf.Find.
func (k *Keeper) takeNext() {
	n := k.record.Next
	if n == nil || !n.Made {
		return
	}
	on, err := k.shelf().MovedTo()
	if err != nil || on != n.ID {
		return // what cannot be read is said by the seeder
	}
	err = k.remember(record{ID: n.ID, Disk: n.Disk, Made: true, Old: k.record.ID, NotGone: k.record.NotGone})
	for _, at := range []string{shelf.NextTo(k.cfg.At), k.cfg.At} {
		if _, ok := mounted(at); ok && err == nil {
			err = unmount(at)
		}
	}
	if err != nil {
		k.log.Error("taking the new data disk into use", "error", err)
		return
	}
	k.log.Info("the store has moved to another data disk", "disk", n.Disk, "id", n.ID)
}

// free makes the disk blank that was the data disk before, or was to be it: what was on
// it has moved away. When it is not connected any more, it is left alone: as any other
// disk that carries data. So are all of several that say that they are it: one is a copy
// that somebody made, and may want to keep.
func (k *Keeper) free() {
	r := k.record
	if r.Old == "" {
		return
	}
	found, _, err := k.among(r.Old)
	if len(found) > 1 {
		if !k.copies {
			k.log.Warn("the old data disk is not made blank: there are copies of it", "id", r.Old, "disks", len(found))
		}
		k.copies = true
		return
	}
	k.copies = false
	for _, c := range found {
		err = errors.Join(err, blankEdges(c.device))
	}
	if err != nil {
		k.log.Debug("the old data disk is still in use", "error", err) // and tried again
		return
	}
	r.Old = ""
	if err := k.remember(r); err != nil {
		k.log.Error("the old data disk is free", "error", err)
		return
	}
	k.log.Info("the old data disk is free", "blank", len(found) > 0)
}

// blankEdges makes a disk blank: what is known by its beginning or end is not known any more.
func blankEdges(device string) (err error) {
	f, err := openAlone(device)
	if err != nil {
		return fmt.Errorf("making a disk blank: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	blank := make([]byte, edge)
	if err == nil {
		err = writeAt(f, blank, size-edge)
	}
	if err == nil {
		err = writeAt(f, blank, 0)
	}
	if err != nil {
		return fmt.Errorf("making a disk blank: %w", err)
	}
	return nil
}

// giveUp forgets a data disk that is lost. The store begins anew, empty, on the card, or
// on the next disk when there is one. A disk that is there is not lost: the order is
// refused for good, so that it does not come true when a cable falls out.
func (k *Keeper) giveUp(g GiveUp) {
	r := k.record
	if g == (GiveUp{}) || !r.Made || g.ID != r.ID || r.NotGone == g.key() {
		return
	}
	if on, err := k.shelf().MovedTo(); err == nil && r.Next != nil && on == r.Next.ID {
		return // the store is safe: see takeNext
	}
	if k.here() {
		why := errors.New("it is there: disconnect it first, or adopt another one, to which what is kept moves")
		k.log.Error("a disk is not given up", "disk", r.Disk, "error", why)
		r.NotGone, r.Seq, r.Why = g.key(), g.Seq, why.Error()
		if err := k.remember(r); err != nil {
			k.log.Error("a disk is not given up", "error", err)
		}
		return
	}
	if _, ok := mounted(k.cfg.At); ok {
		if err := unmount(k.cfg.At); err != nil {
			k.log.Error("giving up a disk", "error", err)
			return
		}
	}
	after := record{Refused: r.ID} // the order that made it is not to come true again
	if n := r.Next; n != nil && n.Made {
		after = record{ID: n.ID, Disk: n.Disk, Made: true}
		if at := shelf.NextTo(k.cfg.At); isMounted(at) {
			if err := unmount(at); err != nil {
				k.log.Error("giving up a disk", "error", err)
				return
			}
		}
	}
	err := k.shelf().GiveUp(r.ID)
	if err == nil {
		err = k.remember(after)
	}
	if err != nil {
		k.log.Error("giving up a disk", "error", err) // and tried again
		return
	}
	k.log.Warn("a data disk was given up, with all that was on it", "disk", r.Disk, "id", r.ID)
	k.set(disk.None, "")
}

func isMounted(at string) bool { _, ok := mounted(at); return ok }
