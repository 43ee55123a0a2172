package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// cardNote is the note by which a box says on the local network that it is its
// card's owner's, who was not there yet.
const cardNote = "card="

var (
	// ErrOtherCard says that a box cannot show that it was started from the card that
	// an operator flashed, or for him.
	ErrOtherCard = errors.New("this box does not show that it was started from the card that you flashed")
	// ErrNoFlashed says that no box on the local network says that it was.
	ErrNoFlashed = errors.New("no box on this network says that it was started from the card that you flashed")
	// ErrNoAnswer says that a box lets this operator connect and answers no question.
	ErrNoAnswer = errors.New("this box does not answer you")
)

// maxShown bounds the boxes that are asked to show their card: anybody can say that
// he has it.
const maxShown = 8

// Meet finds the box that was started from a card which names this operator as its
// owner, at addr or, when that is empty, on the local network until ctx ends, and
// returns it as it is remembered from then on. Nothing is remembered of a box that
// does not show the card; the error then wraps [ErrOtherCard]. It wraps
// [ErrNoFlashed] when no box was heard that says that it has the card, and
// [ErrNoAnswer] or swarm.ErrRefused when it does not know this operator.
func (s *Session) Meet(ctx context.Context, card label.ClaimID, addr string) (*Box, error) {
	if addr != "" {
		return s.meet(ctx, card, addr)
	}
	failed := error(ErrNoFlashed)
	tried := make(map[swarm.PeerID]bool)
	for ctx.Err() == nil && len(tried) < maxShown {
		round, cancel := context.WithTimeout(ctx, time.Second)
		near, err := s.host.Nearby(round)
		cancel()
		if err != nil {
			return nil, err
		}
		for _, n := range near {
			if tried[n.ID] || !hasCard(n, card) {
				continue
			}
			tried[n.ID] = true
			b, err := s.meet(ctx, card, n.ID.String())
			if err == nil {
				return b, nil
			}
			failed = err
		}
	}
	return nil, failed
}

// hasCard reports whether a neighbour says that it has a card.
func hasCard(n swarm.Neighbour, card label.ClaimID) bool {
	for _, note := range n.Notes {
		if text, is := strings.CutPrefix(note, cardNote); is {
			id, err := label.ParseClaimID(text)
			return err == nil && id == card
		}
	}
	return false
}

// meet has the box behind target, an address or a box ID, show its card.
func (s *Session) meet(ctx context.Context, card label.ClaimID, target string) (*Box, error) {
	found, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	peer, err := s.host.Connect(found, target)
	if err != nil {
		return nil, err
	}
	b, err := s.home.Find(peer.String())
	if err != nil {
		return nil, err
	}
	addr := ""
	if strings.HasPrefix(target, "/") {
		addr = target
	}
	ctx, cancel = context.WithTimeout(ctx, pairTime)
	defer cancel()
	l, err := s.Connect(ctx, b, addr)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if _, err := l.client.State(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if err := l.showCard(ctx, card); err != nil {
		return nil, err
	}
	_, err = l.State(ctx)
	return b, err
}

// showCard checks that the box was started from a card which named this operator. See
// pairing/PAIRING.md, "A card that names its owner".
func (l *Link) showCard(ctx context.Context, card label.ClaimID) error {
	me, shown := l.session.home.Operator(), false
	err := l.walk(ctx, func(e chain.Entry) {
		if c, ok := e.Action.(chain.Claimed); ok && c.Operator == me {
			shown = shown || showsCard(c.Evidence, card, l.Box.ID, me)
		}
	})
	if err != nil {
		return fmt.Errorf("reading whose the box is: %w", err)
	}
	if !shown {
		return ErrOtherCard
	}
	return nil
}

func showsCard(e chain.Evidence, card label.ClaimID, box identity.BoxKey, owner identity.OperatorKey) bool {
	key, t := label.ClaimKey(e.ClaimKey), pairing.CardTranscript(card, box, owner)
	return key.ID() == card && e.Transcript == chain.Hash(t) && pairing.VerifyCard(key, t, e.ClaimSignature)
}
