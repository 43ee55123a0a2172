package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/identity"
)

// A revocation is what "cobox device revoke -json" prints.
type revocation struct {
	Name   string             `json:"name,omitempty"`
	Device identity.DeviceKey `json:"device"`
	Number uint64             `json:"number"` // of the list
	Boxes  []toldBox          `json:"boxes"`
}

// A toldBox is a box that was to hear of a revocation.
type toldBox struct {
	Box     string `json:"box"`
	Revoked bool   `json:"revoked"` // it refuses the device from now on
	Error   string `json:"error,omitempty"`
}

// revoke takes a device's access away, on all boxes that can be reached.
func (f *deviceFlags) revoke(ctx context.Context, c *cli.Call) (err error) {
	if err := f.takes("revoke"); err != nil {
		return err
	}
	if len(c.Args) == 0 {
		return cli.Misuse("device revoke needs the name of a device, or its key")
	}
	h, err := openMain("to revoke a device")
	if err != nil {
		return err
	}
	d, err := h.findDevice(c.Args[0])
	if err != nil {
		return err
	}
	targets, err := h.boxesToTell(c.Args[1:])
	if err != nil {
		return err
	}
	s, err := openSession(ctx, h, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := &revocation{Name: d.Name, Device: d.Key}
	if err := s.revoke(d, targets, r); err != nil {
		return err
	}
	if err := c.Print(r, func(w io.Writer) { printRevocation(w, r) }); err != nil {
		return err
	}
	c.Note("What it knows it still knows: the keys of its spaces, and what it has read. See cobox help device.")
	missing := 0
	for _, b := range r.Boxes {
		if !b.Revoked {
			missing++
		}
	}
	if missing > 0 {
		return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d of %d boxes do not know of it yet", missing, len(r.Boxes)),
			Hint: "they hear of it from the next of your computers that reaches them; or do the same again"}
	}
	return nil
}

// findDevice returns the device with a name or key. A key need not be one that
// this computer has added.
func (h *home) findDevice(text string) (knownDevice, error) {
	list, err := h.readDevices()
	if err != nil {
		return knownDevice{}, err
	}
	var d knownDevice
	for _, k := range slices.Backward(list) {
		if k.Name == text && (d.Key.IsZero() || k.Revoked.IsZero()) {
			d = k // of two with the name at most one is not revoked
		}
	}
	if d.Key.IsZero() {
		key := text
		if !strings.Contains(key, ":") {
			key = string(identity.Device) + ":" + key
		}
		if d.Key, err = identity.ParseDeviceKey(key); err != nil {
			return d, cli.WithHint(fmt.Errorf("there is no device %q in this computer's list, and it is no key", text),
				"cobox device list; on the device itself, cobox whoami -json shows its key")
		}
		if i := slices.IndexFunc(list, func(k knownDevice) bool { return k.Key == d.Key }); i >= 0 {
			d = list[i]
		}
	}
	if d.Key == identity.DeviceKeyOf(h.device) {
		return d, cli.WithHint(errors.New("this is this computer itself"), "revoke it on another computer that has the recovery phrase")
	}
	return d, nil
}

// boxesToTell returns how to find all boxes that this computer has met, and more.
func (h *home) boxesToTell(more []string) (targets []string, err error) {
	met, err := h.knownBoxes()
	if err != nil {
		return nil, err
	}
	targets = append(targets, more...)
	for _, id := range slices.Sorted(maps.Keys(met)) {
		targets = append(targets, met[id])
	}
	spaces, err := h.spaces()
	if err != nil {
		return nil, err
	}
	for _, sp := range spaces {
		targets = append(targets, sp.Boxes...)
	}
	var list []string
	named := make(map[string]bool) // box IDs, and what has none
	for _, target := range targets {
		id := target[strings.LastIndex(target, "/")+1:]
		if !named[id] {
			named[id] = true
			list = append(list, target)
		}
	}
	return list, nil
}

// rounds is how often a list is signed anew because a box knows of devices that
// it leaves out: once is enough unless several computers revoke at the same time.
const rounds = 4

// revoke signs the list with the device in it, and tells the boxes.
func (s *session) revoke(d knownDevice, targets []string, r *revocation) error {
	if err := s.addRevoked(d); err != nil {
		return err
	}
	for range rounds {
		told, theirs := s.tell(targets, d.Key)
		list, _ := s.client.Revoked()
		r.Boxes, r.Number = told, list.Counter
		if len(theirs) == 0 {
			break
		}
		if err := s.signRevoked(list.Next(time.Now(), theirs...)); err != nil {
			return err
		}
	}
	if d.Name == "" || !d.Revoked.IsZero() {
		return nil
	}
	d.Revoked = time.Now().UTC().Truncate(time.Second)
	return s.h.noteDevice(d)
}

// addRevoked signs a list with the device in it, unless the list has it already.
func (s *session) addRevoked(d knownDevice) error {
	s.lists.Lock()
	defer s.lists.Unlock()
	list, _ := s.client.Revoked()
	if list.Has(d.Key) {
		return nil
	}
	list.Partner = s.h.partner()
	next := list.Next(time.Now())
	next.Add(d.Key, d.Until)
	if len(next.Devices) > identity.MaxRevoked {
		return cli.WithHint(fmt.Errorf("the list of revoked devices is full: it holds %d", identity.MaxRevoked),
			"devices that were added with -until leave it when their time is over; else begin anew with cobox init")
	}
	return s.signRevoked(next)
}

// tell shows the list to all boxes at once, and returns how that went, and the
// lists of boxes that ours does not replace.
func (s *session) tell(targets []string, key identity.DeviceKey) (told []toldBox, theirs []identity.Revoked) {
	told = make([]toldBox, len(targets))
	var mu sync.Mutex
	var telling sync.WaitGroup
	for i, target := range targets {
		telling.Go(func() {
			list, err := s.tellBox(target)
			mu.Lock()
			defer mu.Unlock()
			told[i] = toldBox{Box: target, Revoked: err == nil && list.Has(key)}
			ours, _ := s.client.Revoked()
			switch {
			case err != nil:
				told[i].Error = err.Error()
			case !sameList(list, ours):
				theirs = append(theirs, list)
			}
		})
	}
	telling.Wait()
	return told, theirs
}

// tellBox shows the list to one box, and returns the one that it follows then.
func (s *session) tellBox(target string) (identity.Revoked, error) {
	ctx, cancel := context.WithTimeout(s.ctx, connectTime)
	defer cancel()
	var b *client.Box
	b, err := s.client.Connect(ctx, target)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.Unauthorised {
		return identity.Revoked{}, fmt.Errorf("it lets none of your devices in: %w", err)
	}
	if err != nil {
		return identity.Revoked{}, err
	}
	defer b.Close()
	list, kept := b.Revoked()
	if !kept {
		return list, errors.New("it follows the list, but could not put it on its disk: after a restart it may have forgotten it")
	}
	return list, nil
}

func printRevocation(w io.Writer, r *revocation) {
	name := r.Name
	if name == "" {
		name = r.Device.String()
	}
	fmt.Fprintf(w, "%s is revoked\n", name)
	for _, b := range r.Boxes {
		if b.Revoked {
			fmt.Fprintf(w, "  box %s refuses it from now on\n", b.Box)
		} else {
			fmt.Fprintf(w, "  box %s: %s\n", b.Box, b.Error)
		}
	}
}
