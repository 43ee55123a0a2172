package pairing

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"io"

	"cobox/provision/label"
	"cobox/seeder/identity"
)

// A Request is what the holder of a code asks for.
type Request struct {
	Claim label.Claim // derived from the code
	Kind  Kind
	// Key gets the rights. It must be on this computer's disk before the request
	// is made: when the answer is lost, the same key asks again.
	Key        ed25519.PrivateKey
	SealedName []byte // opaque; at most [MaxSealedName] bytes
	// Box and Self are the peer IDs at the two ends of the stream, as the
	// connection has proved them.
	Box, Self identity.PeerID
	Random    io.Reader // nil means crypto/rand
}

// An Accepted is a box's word that the key has the rights of the code.
type Accepted struct {
	Box        identity.BoxKey
	Epoch, Seq uint64 // of the box's chain, with this in it
}

// Ask carries the exchange on a stream to a box, and returns what the box
// agreed to. It sends nothing before the box has spoken. A refusal is a
// [*Refusal]; an answer that is not the box's own wraps [ErrNotThisBox]. When the
// answer is lost, asking again with the same key and code is safe. The caller
// closes the stream; when ctx ends first, Ask closes it.
func Ask(ctx context.Context, stream io.ReadWriteCloser, req Request) (Accepted, error) {
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	a, err := ask(stream, &req)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return a, fmt.Errorf("pairing: %w", err)
	}
	return a, nil
}

func ask(stream io.ReadWriter, req *Request) (Accepted, error) {
	if len(req.SealedName) > MaxSealedName {
		return Accepted{}, fmt.Errorf("the name has %d bytes, more than %d", len(req.SealedName), MaxSealedName)
	}
	body, err := readMessage(stream)
	if err != nil {
		return Accepted{}, fmt.Errorf("waiting for the box: %w", err)
	}
	h, err := parseHello(body)
	if err != nil {
		return Accepted{}, err
	}
	public := req.Claim.Public()
	m := claim{id: public.ID(), kind: req.Kind, sealedName: req.SealedName}
	copy(m.key[:], req.Key.Public().(ed25519.PublicKey))
	random := req.Random
	if random == nil {
		random = rand.Reader
	}
	if _, err := io.ReadFull(random, m.nonce[:]); err != nil {
		return Accepted{}, fmt.Errorf("making a nonce: %w", err)
	}
	t := transcript(req.Box, req.Self, h.nonce, &m)
	copy(m.claimSignature[:], req.Claim.Sign(t.forClaim()))
	copy(m.keySignature[:], ed25519.Sign(req.Key, t.forKey()))
	if err := writeMessage(stream, m.append(nil)); err != nil {
		return Accepted{}, fmt.Errorf("sending the claim: %w", err)
	}
	if body, err = readMessage(stream); err != nil {
		return Accepted{}, fmt.Errorf("waiting for the answer (asking again is safe): %w", err)
	}
	a, err := parseAccept(body)
	if err != nil {
		return Accepted{}, err
	}
	if a.answer != OK {
		return Accepted{}, &Refusal{a.answer}
	}
	proof := t.proof(public)
	if !hmac.Equal(proof[:], a.proof[:]) || a.box.PeerID() != req.Box ||
		!ed25519.Verify(a.box[:], t.forBox(a.epoch, a.seq), a.signature[:]) {
		return Accepted{}, ErrNotThisBox
	}
	return Accepted{Box: a.box, Epoch: a.epoch, Seq: a.seq}, nil
}
