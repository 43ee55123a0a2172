package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
)

// ErrNowhere is what a [*NowhereError] is.
var ErrNowhere = errors.New("no box has the block now")

// A NowhereError says that no box has a block now. A box that is out of reach may have
// it, and one that fetches it from another box may get it.
type NowhereError struct {
	Feed  feed.Key
	Block uint64
	Asked []string // IDs of the boxes that do not have it
	Away  []Away   // the others
}

// An Away is a box that could not be asked.
type Away struct {
	Box string // as given to [Reader.Expect]
	Err error  // why it was not reached, of late; nil when it was, but has not said what it has
}

func (e *NowhereError) Error() string {
	var parts []string
	if len(e.Asked) > 0 {
		parts = append(parts, "asked "+strings.Join(e.Asked, ", "))
	}
	if len(e.Asked)+len(e.Away) == 0 {
		parts = append(parts, "there is none to ask")
	}
	for _, a := range e.Away {
		if a.Err == nil {
			parts = append(parts, "box "+a.Box+" does not say what it has")
			continue
		}
		parts = append(parts, fmt.Sprintf("box %s is out of reach (%v)", a.Box, a.Err))
	}
	return fmt.Sprintf("%v: %s; try again later", ErrNowhere, strings.Join(parts, "; "))
}

// Is reports that e is [ErrNowhere].
func (e *NowhereError) Is(target error) bool { return target == ErrNowhere }

// A source is a box that blocks are read from. It is guarded by Reader.mu.
type source struct {
	target string
	id     string // once it has been reached
	err    error  // why it was not reached, of late
	out    bool   // it was waited for long enough, and has said nothing since
}

// Expect names boxes that blocks are read from, by whatever they are reached with:
// together with those of earlier calls they are all that there are. A block that none
// of them has is from now on an error. A box that says nothing, because it is out of
// reach, is waited for as long as patience, once until it is heard again.
func (r *Reader) Expect(patience time.Duration, targets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.patience, r.expects = patience, true
	for _, target := range targets {
		if r.sourceLocked(target) == nil {
			r.sources = append(r.sources, &source{target: target})
		}
	}
}

// Reached says which box it is that was reached as target: id is its name in the
// sessions that replicate [Reader.Exchange], and has to be told before they begin.
func (r *Reader) Reached(target, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sourceLocked(target); s != nil {
		s.id = id
	}
}

// Missed says why a box is not reached any more. It is for the error of those who need it.
func (r *Reader) Missed(target string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sourceLocked(target); s != nil {
		s.err = err
	}
}

func (r *Reader) sourceLocked(target string) *source {
	if i := slices.IndexFunc(r.sources, func(s *source) bool { return s.target == target }); i >= 0 {
		return r.sources[i]
	}
	return nil
}

// A search is one wait for a block.
type search struct {
	feed  feed.Key
	block uint64
	began time.Time
	boxes map[*source]*said
}

// said is what a box has said in the course of a search.
type said struct {
	lacks bool      // it does not have the block
	quiet time.Time // since when it says nothing; zero while it does
}

func newSearch(key feed.Key, i uint64, now time.Time) *search {
	return &search{feed: key, block: i, began: now, boxes: make(map[*source]*said)}
}

// look compares what the boxes say now with what they said before. It returns a
// [*NowhereError] when it is of no use to wait, or when to look again although nothing
// has changed: 0 for never.
func (r *Reader) look(s *search, now time.Time) (again time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.expects {
		return 0, nil
	}
	claims := r.exchange.Claims(s.feed, s.block)
	e := &NowhereError{Feed: s.feed, Block: s.block}
	waiting := false
	for _, from := range r.sources {
		switch left := s.hear(from, claims[from.id], now, r.patience); {
		case left < 0:
			waiting = true
		case left > 0:
			waiting = true
			if again == 0 || left < again {
				again = left
			}
		case s.boxes[from].lacks:
			e.Asked = append(e.Asked, from.id)
		default:
			e.Away = append(e.Away, Away{from.target, from.err})
		}
	}
	for _, c := range claims { // of boxes that nobody expected, too
		waiting = waiting || c == replicate.Has
	}
	if waiting {
		return again, nil
	}
	return 0, e
}

// hear takes in what a box says, and returns for how long it is worth waiting for it
// if it says nothing more: -1 for as long as it takes.
func (s *search) hear(from *source, c replicate.Claim, now time.Time, patience time.Duration) time.Duration {
	h := s.boxes[from]
	if h == nil {
		h = &said{quiet: s.began}
		s.boxes[from] = h
	}
	if c != replicate.Unsaid {
		h.lacks, h.quiet = c == replicate.Lacks, time.Time{}
		from.out, from.err = false, nil
	}
	switch {
	case c == replicate.Has:
		return -1
	case h.lacks || from.out:
		return 0
	case h.quiet.IsZero(): // it had the block until now
		h.quiet = now
	}
	left := max(h.quiet.Add(patience).Sub(now), 0)
	from.out = left == 0
	return left
}
