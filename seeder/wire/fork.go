package wire

import (
	"bytes"
	"errors"
	"fmt"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// MaxFork bounds the bytes of a fork's evidence: two signatures, a manifest, and
// the nodes of two proofs.
const MaxFork = 512 << 10

// ErrFork says that bytes are not the evidence of a fork.
var ErrFork = errors.New("wire: not the evidence of a fork")

// AppendFork appends the two proofs of a fork (PROTOCOL.md, "Conflict probe"): two
// Data messages, each after its length, the second without the manifest. They must
// be there.
func AppendFork(b []byte, e *feed.ForkError) []byte {
	got := *e.GotProof
	got.Manifest = nil
	b = compact.AppendBuffer(b, (&Data{Proof: *e.HaveProof}).Append(nil))
	return compact.AppendBuffer(b, (&Data{Proof: got}).Append(nil))
}

// ParseFork reads what [AppendFork] writes, and nothing else, and keeps nothing of
// b. It checks no hash and no signature: that is for [feed.CheckFork]. Errors
// wrap [ErrFork].
func ParseFork(b []byte) (have, got *feed.Proof, err error) {
	if len(b) > MaxFork {
		return nil, nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrFork, len(b), MaxFork)
	}
	b = bytes.Clone(b)
	d := compact.NewDecoder(b)
	bodies := [2][]byte{d.Buffer(), d.Buffer()}
	if d.Err() != nil || d.Len() > 0 {
		return nil, nil, fmt.Errorf("%w: it is not two messages", ErrFork)
	}
	var proofs [2]*feed.Proof
	for i, body := range bodies {
		m, err := ParseMessage(typeData, body)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrFork, err)
		}
		proofs[i] = &m.(*Data).Proof
	}
	have, got = proofs[0], proofs[1]
	e := &feed.ForkError{HaveProof: have, GotProof: got}
	if have.Block != nil || got.Block != nil || !bytes.Equal(AppendFork(nil, e), b) {
		return nil, nil, fmt.Errorf("%w: not in its one form", ErrFork)
	}
	return have, got, nil
}
