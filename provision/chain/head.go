package chain

import (
	"fmt"

	"cobox/seeder/identity"
)

// headText returns what the head's file holds: the statement that is known to
// be on the disk. The form is that of a body.
func headText(s *State) []byte {
	text, err := encode(s.Head())
	if err != nil {
		panic("chain: a head that cannot be written: " + err.Error())
	}
	return append(text, '\n')
}

// parseHead reads what headText writes.
func parseHead(text []byte, box identity.BoxKey) (Head, error) {
	var h Head
	if len(text) == 0 || text[len(text)-1] != '\n' {
		return Head{}, malformed("its line does not end")
	}
	if err := decode(text[:len(text)-1], &h); err != nil {
		return Head{}, err
	}
	if h.Box != box {
		return Head{}, fmt.Errorf("%w: box %s, this is %s", identity.ErrWrongBox, h.Box.PeerID(), box.PeerID())
	}
	return h, nil
}
