package store

import (
	"fmt"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// Freeze keeps the evidence that a feed's writer forked it, durably. The feed
// takes nothing in from then on, and nothing of it expires. Evidence that is
// there already stays.
func (f *Feed) Freeze(e *feed.ForkError) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	done, err := f.frozen != nil, f.err
	f.mu.Unlock()
	if done || err != nil {
		return err
	}
	value := appendHead(appendHead(nil, e.Have), e.Got)
	if e.HaveProof != nil {
		value = wire.AppendFork(value, e)
	}
	err = f.s.index.write(deleteFree, entry{feedKey(keyEvidence, f.dk), value})
	if err != nil {
		return fmt.Errorf("keeping the evidence of a fork of feed %s: %w", f.dk, err)
	}
	f.setFrozen(e)
	return nil
}

// Thaw lets a frozen feed go on, durably: a person has looked at the evidence,
// which is gone then.
func (f *Feed) Thaw() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.Frozen() == nil {
		return nil
	}
	if err := f.s.index.write(deleteFree, entry{key: feedKey(keyEvidence, f.dk)}); err != nil {
		return fmt.Errorf("thawing feed %s: %w", f.dk, err)
	}
	f.setFrozen(nil)
	return nil
}

func (f *Feed) setFrozen(e *feed.ForkError) {
	f.mu.Lock()
	f.frozen = e
	f.mu.Unlock()
	f.tell()
}

func parseEvidence(key feed.Key, data []byte) (*feed.ForkError, error) {
	d := compact.NewDecoder(data)
	e := &feed.ForkError{Key: key, Have: decodeHead(d), Got: decodeHead(d)}
	err := d.Err()
	if proofs := d.Rest(); err == nil && len(proofs) > 0 {
		e.HaveProof, e.GotProof, err = wire.ParseFork(proofs)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: evidence of a fork: %w", ErrDamaged, err)
	}
	return e, nil
}
