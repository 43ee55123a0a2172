package label

import (
	"errors"
	"fmt"
	"io"
)

// drawBytes is how much randomness is read at a time: more than any code takes,
// so that two equal reads do not happen by chance.
const drawBytes = 16

// draw returns fresh random bytes. It reads twice and refuses a source that
// gives zeros or repeats itself, as a board's does whose generator is not there:
// a code that many boxes share would be none.
func draw(rand io.Reader) (b [drawBytes]byte, err error) {
	var witness [drawBytes]byte
	if _, err = io.ReadFull(rand, b[:]); err == nil {
		_, err = io.ReadFull(rand, witness[:])
	}
	switch {
	case err != nil:
		err = fmt.Errorf("reading the random source: %w", err)
	case b == [drawBytes]byte{} || witness == [drawBytes]byte{}:
		err = errors.New("the random source is broken: it gives only zeros")
	case b == witness:
		err = errors.New("the random source is broken: it gives the same bytes again")
	default:
		return b, nil
	}
	return [drawBytes]byte{}, err
}
