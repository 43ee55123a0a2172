package main

import (
	"context"
	"errors"
	"time"

	"cobox/provision/label"
	"cobox/provision/operator"
	"cobox/seeder/cli"
	"cobox/seeder/swarm"
)

// meetTime is how long a box is looked for that was perhaps switched on just now.
const meetTime = time.Minute

// meet finds the box whose card names this operator as its owner.
func (p *pairRun) meet(ctx context.Context, f label.Flashed) (*operator.Box, error) {
	if p.at.addr == "" {
		p.c.Note("looking for box %s on this network ...", f.Tag)
	}
	find, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	b, err := p.s.Meet(find, f.Card, p.at.addr)
	switch {
	case errors.Is(err, operator.ErrOtherCard):
		return nil, &cli.Error{Code: cli.VerifyFailed, Err: err, Hint: "it may be another of your boxes, or one that only says so: nothing was noted. " +
			"Compare the text with what mkimage personalise printed; if it is the same, flash the card anew"}
	case errors.Is(err, operator.ErrNoFlashed):
		return nil, cli.WithHint(err, "is it on, and on the same network? It takes half a minute to start. Once you were there a box does not say so any more. "+
			"Networks for guests often keep computers apart: give the box's address with -addr, as the router says it")
	case errors.Is(err, swarm.ErrRefused), errors.Is(err, operator.ErrNoAnswer):
		return nil, cli.WithHint(err, "is this box yours? Its card may have named another owner, or none: compare the key with what coboxctl init prints. Just after its start a box lets nobody in: then try again")
	}
	return b, err
}

// parseFlashed reads which card was flashed; empty for a box with a code.
func parseFlashed(text string, source *codeSource) (label.Flashed, error) {
	if text == "" {
		return label.Flashed{}, nil
	}
	if !source.typed() {
		return label.Flashed{}, cli.Misuse("-flashed is for a box without a code: it excludes -qr and -camera")
	}
	return label.ParseFlashed(text)
}
