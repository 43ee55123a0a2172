package datadisk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cobox/appliance/disk"
	"cobox/appliance/ext4"
	"cobox/seeder/shelf"
)

// Label is the label of a data disk's file system.
const Label = "cobox-data"

// MinSize is the least that a disk is adopted for, in bytes.
const MinSize = 1e9

// every is how often the disks are looked at.
const every = 2 * time.Second

// A Config says what a keeper works with. All but Own and Log are required.
type Config struct {
	State  string // the state folder
	Box    string // the box ID
	At     string // where the disk is mounted
	System disk.System
	Card   string // the disk with the system, by name: never adopted
	// Order returns the newest order to adopt a disk.
	Order func() Order
	// GiveUp returns the newest order to give up a disk as lost; nil for none.
	GiveUp func() GiveUp
	// Own gives a folder on the disk to the user that keeps the store; nil leaves it.
	Own func(path string) error
	Log *slog.Logger // nil for none
}

// A Keeper looks after the data disk of a box. [Keeper.Run] must run for it.
type Keeper struct {
	cfg Config
	log *slog.Logger
	// copies says that there are copies of the disk that was the data disk before, and that
	// this was logged; it is Run's.
	copies bool

	mu       sync.Mutex
	record   record        // mu; only the goroutine of Run changes it
	standing disk.Standing // mu
}

// New returns a keeper. An error says that what is remembered of the disk cannot be read.
func New(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, log: cfg.Log}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if k.record, err = readRecord(cfg.State); err != nil {
		return nil, err
	}
	k.set(disk.Gone, "it is looked for")
	if !k.record.Made {
		k.set(disk.None, "")
	}
	return k, nil
}

// Standing returns how the data disk is.
func (k *Keeper) Standing() disk.Standing {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.standing
}

// At returns where the data disk is mounted, or should be; "" on a box without one.
func (k *Keeper) At() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.record.Made {
		return ""
	}
	return k.cfg.At
}

// Troubles say, for a person, what is wrong with the disk.
func (k *Keeper) Troubles() []string {
	st := k.Standing()
	if st.State == disk.None || st.State == disk.Here || st.State == disk.Making {
		return nil
	}
	return []string{fmt.Sprintf("the data disk (%s) is %s: %s", st.Disk, st.State, st.Why)}
}

// Run looks after the disk until ctx is done. It leaves it mounted. What goes wrong is
// said, and tried again: the authority has more to do than this.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := cover(k.cfg.At); err == nil {
			k.look()
		} else {
			k.set(disk.Gone, fmt.Sprintf("preparing its place: %v", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look does what is to be done now.
func (k *Keeper) look() {
	if k.cfg.GiveUp != nil {
		k.giveUp(k.cfg.GiveUp())
	}
	o := k.cfg.Order()
	bytes, id := o.ID(k.cfg.Box)
	r := k.record
	switch {
	case o == (Order{}), r.Refused == id, r.Made && r.ID == id, r.Next != nil && r.Next.Made && r.Next.ID == id:
	case r.Made && !k.here():
		k.refuse(o, id, fmt.Errorf("the disk that the box keeps its store on (%s) is not there: connect it, or say that it is gone for good (coboxctl disk gone)", r.Disk))
	default:
		if err := k.adopt(o, bytes, id); err != nil {
			k.refuse(o, id, err)
		}
	}
	if !k.record.Made {
		return
	}
	k.takeNext()
	k.mount()
	if n := k.record.Next; n != nil && n.Made {
		k.mountNext(*n)
	}
	k.free()
}

// here reports whether the data disk is mounted and connected.
func (k *Keeper) here() bool {
	number, ok := mounted(k.cfg.At)
	return ok && k.mine() == nil && k.cfg.System.Connected(number)
}

// shelf is where the store is looked for.
func (k *Keeper) shelf() shelf.Shelf {
	return shelf.Shelf{Card: filepath.Join(k.cfg.State, "store"), Disk: k.cfg.At, Box: k.cfg.Box}
}

// remember makes r what is remembered, on the card first.
func (k *Keeper) remember(r record) error {
	if err := r.write(k.cfg.State); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.record = r
	return nil
}

// set says how the disk is.
func (k *Keeper) set(state disk.State, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.standing
	k.standing = disk.Standing{Disk: k.record.Disk, ID: k.record.ID, State: state, Why: why, Refused: k.record.Seq, WhyNot: k.record.Why, Next: was.Next}
	if k.record.Next == nil {
		k.standing.Next = nil
	}
	if was.State != state || was.Why != why {
		k.log.Info("data disk", "state", state, "why", why)
	}
}

// refuse notes that an order was not carried out, and will not be.
func (k *Keeper) refuse(o Order, id string, why error) {
	k.log.Error("a disk is not adopted", "disk", o.Disk, "error", why)
	r := k.record
	if !r.Made {
		r = record{NotGone: r.NotGone}
	}
	if r.Next != nil && r.Next.ID == id {
		r.Next = nil
	}
	r.Refused, r.Seq, r.Why = id, o.Seq, why.Error()
	if err := k.remember(r); err != nil {
		k.log.Error("a disk is not adopted", "error", err)
	}
	if !r.Made {
		k.set(disk.None, "")
	}
}

// adopt makes a disk the box's, or the one that it moves to. It goes on where the power
// went away.
func (k *Keeper) adopt(o Order, id [16]byte, text string) error {
	d, err := k.find(o)
	if err != nil {
		return err
	}
	p := k.placeFor(o, text)
	if err := k.clear(p); err != nil {
		return err
	}
	device := filepath.Join(k.cfg.System.Dev, d.Name)
	made, err := k.readopt(p, device)
	if err != nil || made {
		return err
	}
	if !p.begun || !begun(device, text) {
		if !d.Blank() && !o.Erase {
			return fmt.Errorf("%s holds data (%s): look at it first; coboxctl disk adopt -force erases it", d.Name, d.Holds())
		}
	}
	if err := k.remember(p.record(k.record, false)); err != nil {
		return err
	}
	p.says(k, disk.Making, makingText(0, 1))
	progress := func(done, total int64) { p.says(k, disk.Making, makingText(done, total)) }
	if err := format(device, int64(d.SizeBytes), text, ext4.Options{Label: Label, UUID: id, PerInode: 1 << 20, Progress: progress}); err != nil {
		return err
	}
	if err := mount(device, p.at); err != nil {
		return err
	}
	if err := shelf.WriteMark(p.at, shelf.NewMark(k.cfg.Box, text), k.cfg.Own); err != nil {
		return errors.Join(err, unmount(p.at))
	}
	k.log.Info("a disk was adopted", "disk", o.Disk, "id", text)
	return k.remember(p.record(k.record, true))
}

func makingText(done, total int64) string {
	return fmt.Sprintf("its file system is being made, %d %%, which takes minutes on a large disk", done*100/total)
}

// readopt takes in a disk that was made by the same order, whole: what the card knew of
// it is lost, or was not written before the power went away.
func (k *Keeper) readopt(p place, device string) (made bool, err error) {
	super, err := superOf(device)
	if err != nil || uuidText(super.UUID) != p.id || super.Damaged {
		return false, nil // it is no such disk
	}
	if err := mount(device, p.at); err != nil {
		return false, nil // it was not made to its end
	}
	if m, err := shelf.ReadMark(p.at); err != nil || m != shelf.NewMark(k.cfg.Box, p.id) {
		return false, unmount(p.at)
	}
	k.log.Info("a disk was adopted before", "disk", p.disk, "id", p.id)
	return true, k.remember(p.record(k.record, true))
}

// find returns the disk that an order names, which must be the only one of that text.
func (k *Keeper) find(o Order) (disk.Disk, error) {
	disks, err := k.cfg.System.List(k.cfg.Card)
	if err != nil {
		return disk.Disk{}, err
	}
	disks = slices.DeleteFunc(disks, func(d disk.Disk) bool { return d.Text() != o.Disk })
	switch {
	case len(disks) == 0:
		return disk.Disk{}, errors.New("it is not connected any more: connect it, and order it again")
	case len(disks) > 1:
		return disk.Disk{}, errors.New("there are several disks of that name and serial number: connect only one")
	case disks[0].Mounted:
		return disk.Disk{}, errors.New("it is in use")
	case disks[0].Trouble != "":
		return disk.Disk{}, fmt.Errorf("it cannot be looked at: %s", disks[0].Trouble)
	case disks[0].SizeBytes < MinSize:
		return disk.Disk{}, errors.New("it is too small for a data disk")
	}
	return disks[0], nil
}

// mount mounts the box's disk, if it is connected and not mounted, and takes away one
// that is gone.
func (k *Keeper) mount() {
	if number, ok := mounted(k.cfg.At); ok {
		err := k.mine()
		if err == nil && k.cfg.System.Connected(number) {
			k.set(disk.Here, "")
			return
		}
		k.log.Warn("the data disk is gone", "error", err)
		if err := unmount(k.cfg.At); err != nil {
			k.log.Error("taking away a disk that is gone", "error", err)
			return
		}
	}
	found, other, err := k.among(k.record.ID)
	switch {
	case err != nil:
		k.set(disk.Gone, err.Error())
	case len(found) > 1:
		k.set(disk.Wrong, "two disks say that they are it, so that one is a copy: connect only one")
	case len(found) == 0 && other != "":
		k.set(disk.Wrong, fmt.Sprintf("%s was made for something else: put the right disk back; nothing is lost, and all goes on when it is there", other))
	case len(found) == 0:
		k.set(disk.Gone, "check its cable and power; nothing is lost, and all goes on when it is back")
	default:
		k.mountFound(found[0])
	}
}

// mine says whether what is mounted is the box's disk.
func (k *Keeper) mine() error {
	m, err := shelf.ReadMark(k.cfg.At)
	if err == nil && m != shelf.NewMark(k.cfg.Box, k.record.ID) {
		err = errors.New("it has another mark")
	}
	return err
}

// among looks for a disk by its ID: found are those that say that they are it, other is
// one that says that it is another box's, or was.
func (k *Keeper) among(id string) (found []candidate, other string, err error) {
	disks, err := k.cfg.System.List(k.cfg.Card)
	if err != nil {
		return nil, "", err
	}
	for _, d := range disks {
		device := filepath.Join(k.cfg.System.Dev, d.Name)
		super, err := superOf(device)
		switch {
		case err != nil || super.Label != Label:
		case uuidText(super.UUID) == id:
			found = append(found, candidate{device, super})
		case k.record.Next != nil && uuidText(super.UUID) == k.record.Next.ID, uuidText(super.UUID) == k.record.Old:
		default:
			other = cmp.Or(other, d.Text())
		}
	}
	return found, other, nil
}

// A candidate is a disk that may be the box's.
type candidate struct {
	device string
	super  ext4.SuperBlock
}

func (k *Keeper) mountFound(c candidate) {
	if c.super.Damaged {
		k.set(disk.Damaged, "its file system is damaged, and nothing is written to it: put it into a computer, copy it, and repair it with e2fsck")
		return
	}
	if err := mount(c.device, k.cfg.At); err != nil {
		k.set(disk.Damaged, err.Error())
		return
	}
	if err := k.mine(); err != nil {
		k.set(disk.Wrong, fmt.Sprintf("it is not this box's disk: %v", err))
		if err := unmount(k.cfg.At); err != nil {
			k.log.Error("taking away a disk that is another's", "error", err)
		}
		return
	}
	k.set(disk.Here, "")
}
