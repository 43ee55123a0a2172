package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"cobox/appliance/disk"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

// A diskOrder is an order about a box's data disk, which takes the box a while.
type diskOrder struct {
	order   chain.Order
	refused string                   // what the box did not do, when it says that
	done    func(disk.Standing) bool // whether it is carried out, by how the data disk stands
}

// run gives the order, waits until it is carried out, and prints how the disk stands
// then.
func (o diskOrder) run(ctx context.Context, c *cli.Call, l *operator.Link, text func(w io.Writer, now disk.Standing)) error {
	var seq uint64
	err := l.Order(ctx, func(st *control.State) (chain.Order, error) {
		seq = st.Chain.Seq + 1
		return o.order, nil
	})
	if err != nil {
		return err
	}
	if _, err := l.State(ctx); err != nil { // what is remembered of the box follows
		return err
	}
	now, err := o.await(ctx, l, seq)
	if err != nil {
		return err
	}
	result := struct {
		Box  string        `json:"box"`
		Head chain.Head    `json:"head"`
		Data disk.Standing `json:"data"`
	}{l.Box.ID.PeerID().String(), l.Box.Head, now}
	return c.Print(result, func(w io.Writer) { text(w, now) })
}

// askAgain is how often a box is asked how far it is, and maxSilent how often it may
// not answer: its network begins anew when the store begins to move.
const (
	askAgain  = time.Second
	maxSilent = 30
)

// await waits until the order is carried out, or the box says why not.
func (o diskOrder) await(ctx context.Context, l *operator.Link, seq uint64) (disk.Standing, error) {
	silent := 0
	for {
		all, err := l.Disks(ctx)
		if err == nil {
			silent = 0
		} else if silent++; silent == maxSilent {
			return disk.Standing{}, cli.WithHint(err, "the order was taken in: coboxctl disk says what has become of it")
		}
		switch {
		case err != nil:
		case all.Data.Refused == seq:
			return disk.Standing{}, fmt.Errorf("the box did not %s: %s", o.refused, all.Data.WhyNot)
		case o.done(all.Data):
			return all.Data, nil
		}
		select {
		case <-ctx.Done():
			return disk.Standing{}, ctx.Err()
		case <-time.After(askAgain):
		}
	}
}
