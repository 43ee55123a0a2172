package chain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"cobox/seeder/identity"
)

// A DamagedError says from where on a chain cannot be read. It wraps
// [ErrDamaged] and the reason.
type DamagedError struct {
	Seq uint64 // of the first entry that is missing or does not follow
	Err error  // what is wrong with it
}

// Error says where and why.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%v at entry %d: %v", ErrDamaged, e.Seq, e.Err)
}

// Unwrap returns [ErrDamaged] and the reason.
func (e *DamagedError) Unwrap() []error { return []error{ErrDamaged, e.Err} }

// errCut says that a chain ends in the middle of a statement.
var errCut = errors.New("it ends in the middle of a statement")

// errDisk says that bytes could not be read, so that nothing is known of them.
var errDisk = errors.New("reading failed")

// Replay reads a whole chain as [Log.Export] writes it, and returns the state
// after it. When not all of it is good, the state is that of the longest good
// beginning, and the error a [*DamagedError]. All signatures are verified; that
// it is all of the chain, only its head tells, which the operator compares with
// the one he knows.
func Replay(box identity.BoxKey, r io.Reader) (*State, error) {
	return Walk(box, r, nil)
}

// Walk is [Replay] that calls visit, when it is not nil, with each good entry in
// turn.
func Walk(box identity.BoxKey, r io.Reader, visit func(Entry)) (*State, error) {
	s := New(box)
	var broken error
	err := replay(s, r, func(st identity.Statement) {
		if visit == nil || broken != nil {
			return
		}
		e, err := Read(st)
		if err != nil {
			broken = err // it was read a moment ago
			return
		}
		visit(e)
	})
	if err = errors.Join(err, broken); err != nil {
		return s, &DamagedError{s.Seq + 1, err}
	}
	return s, nil
}

// replay takes the statements of r into s, which is then that of the longest
// good beginning of s.Bytes bytes, and calls taken with each. The error is nil
// when r ended after a statement, and wraps errDisk when r failed.
func replay(s *State, r io.Reader, taken func(identity.Statement)) error {
	// The buffer holds a whole statement: so one is read at once or is too long.
	b := bufio.NewReaderSize(r, 2*identity.MaxStatement)
	for {
		st, n, err := next(b)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.Replay(st)
		}
		if err != nil {
			return err
		}
		taken(st)
		if _, err := b.Discard(n); err != nil {
			return err
		}
	}
}

// next reads the statement that b stands at, without taking it from b, and
// returns its length. The error is io.EOF when there is nothing, and errCut when
// it is not all there.
func next(b *bufio.Reader) (identity.Statement, int, error) {
	text, err := b.Peek(identity.MaxStatement)
	switch {
	case err != nil && err != io.EOF:
		return identity.Statement{}, 0, fmt.Errorf("%w: %w", errDisk, err)
	case len(text) == 0:
		return identity.Statement{}, 0, io.EOF
	}
	n := 0
	for range 3 { // the lines of a statement
		i := bytes.IndexByte(text[n:], '\n')
		if i < 0 && err == io.EOF {
			return identity.Statement{}, 0, errCut
		}
		if i < 0 {
			return identity.Statement{}, 0, malformed("longer than %d bytes", identity.MaxStatement)
		}
		n += i + 1
	}
	st, err := identity.ParseStatement(text[:n])
	return st, n, err
}
