package audit

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/wire"
)

// A Finding says what an answer shows about one draw.
type Finding string

// The findings.
const (
	Found Finding = "found" // the block is there
	// Missing: the box says that it cannot give the block ([Result.Reason]).
	Missing Finding = "missing"
	// Corrupt: what the box gave is not the block that the feed's writer signed.
	Corrupt Finding = "corrupt"
	// RolledBack: the box's head is older than one that it had before.
	RolledBack Finding = "rolled back"
	// Forked: the feed's writer signed two trees for one length. It is the
	// writer's fault, and not the box's.
	Forked Finding = "forked"
)

// A Result is what an answer shows about one draw.
type Result struct {
	Draw
	Finding Finding
	Reason  Reason          // of Missing
	Head    feed.Head       // the box's; of a digest, without a signature
	Proof   *feed.Proof     // of Head, and that it is over the block, which is not in it; nil unless a block came
	Fork    *feed.ForkError // the evidence of Forked, where both signatures are known
	Err     error           // what is wrong, in words; nil for Found
}

// Known is what the auditor knows.
type Known struct {
	// Heads are the newest heads that the box is known to have had, of the feeds in
	// the challenge; a feed that is not in it is only checked against its key.
	Heads map[feed.Key]feed.Head
	// Block returns a block of the auditor's own, to compare digests with. It is
	// needed for challenges with digests only.
	Block func(Draw) ([]byte, error)
}

// A Report is a checked answer.
type Report struct {
	Results   []Result           // one for each draw, in order
	Statement identity.Statement // the box's signature under the answer
	Answer    identity.AuditAnswer
	Bytes     uint64 // of the answer
}

// Failed returns the results that are not Found.
func (r *Report) Failed() (list []Result) {
	for _, x := range r.Results {
		if x.Finding != Found {
			list = append(list, x)
		}
	}
	return list
}

// ErrAnswer says that an answer breaks the format, or is not signed by the box:
// not what a box of ours sends, whatever it keeps.
var ErrAnswer = errors.New("audit: not a well-formed answer")

// Check reads a box's answer to c from r and checks every item. One block at a
// time is in memory. An error means that nothing was shown, neither for the box
// nor against it: the connection broke (the error of r, never [ErrAnswer]), or
// what came is no answer of this box (an error that wraps [ErrAnswer]).
func Check(r io.Reader, c *Challenge, box identity.BoxKey, known Known) (*Report, error) {
	in := &itemReader{r: r, sum: sha256.New()}
	report := &Report{}
	for i, d := range c.Draws {
		item, err := in.next()
		if err == nil {
			in.count(item)
			var x Result
			if x, err = checkItem(c, d, item, box, known); err == nil {
				report.Results = append(report.Results, x)
			}
		}
		if err != nil {
			return nil, answerError(err, "item %d", i)
		}
	}
	var sum feed.Hash
	in.sum.Sum(sum[:0])
	item, err := in.next()
	if err != nil {
		return nil, answerError(err, "the seal")
	}
	if err := report.open(item, box); err != nil {
		return nil, answerError(err, "the seal")
	}
	if report.Answer.Challenge != c.Hash() || report.Answer.Answer != sum {
		return nil, fmt.Errorf("%w: it is signed for another challenge or answer", ErrAnswer)
	}
	report.Bytes = in.bytes
	return report, nil
}

// open reads the seal.
func (r *Report) open(item []byte, box identity.BoxKey) error {
	d := compact.NewDecoder(item)
	if d.Uint() != itemSeal {
		return fmt.Errorf("%w: no signature after the items", ErrAnswer)
	}
	var err error
	if r.Statement, err = identity.ParseStatement(d.Rest()); err == nil {
		r.Answer, err = identity.OpenAuditAnswer(r.Statement, box)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

func answerError(err error, format string, args ...any) error {
	if errors.Is(err, errLong) {
		err = fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return fmt.Errorf("reading the answer to an audit: %s: %w", fmt.Sprintf(format, args...), err)
}

// checkItem checks one item. An error wraps [ErrAnswer]: what the item says
// against the box is in the result.
func checkItem(c *Challenge, d Draw, item []byte, box identity.BoxKey, known Known) (Result, error) {
	dec := compact.NewDecoder(item)
	x := Result{Draw: d}
	kind := dec.Uint()
	switch {
	case kind == itemAbsent:
		x.Finding, x.Reason = Missing, Reason(dec.Uint())
		x.Err = errors.New(x.Reason.String())
		if dec.Err() != nil || x.Reason < NotPinned || x.Reason > Unreadable {
			return x, fmt.Errorf("%w: a reason that there is not", ErrAnswer)
		}
		return x, nil
	case kind == itemBlock && !c.Digests:
		return checkBlock(x, dec.Rest(), known)
	case kind == itemDigest && c.Digests:
		x.Head = feed.Head{Fork: dec.Uint(), Length: dec.Uint(), Hash: dec.Fixed32()}
		sum := feed.Hash(dec.Fixed32())
		if dec.Err() != nil || len(dec.Rest()) > 0 {
			return x, fmt.Errorf("%w: a digest of another form", ErrAnswer)
		}
		return checkDigest(c, x, sum, box, known)
	}
	return x, fmt.Errorf("%w: an item of kind %d", ErrAnswer, kind)
}

// checkBlock checks a block and its proof against the feed key.
func checkBlock(x Result, body []byte, known Known) (Result, error) {
	corrupt := func(err error) (Result, error) {
		x.Finding, x.Err = Corrupt, err
		return x, nil
	}
	const typeData = 3 // PROTOCOL.md of seeder/wire
	m, err := wire.ParseMessage(typeData, body)
	if err != nil {
		return x, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	p := &m.(*wire.Data).Proof
	if p.Block == nil || p.Upgrade == nil || p.Block.Index != x.Block {
		return corrupt(errors.New("it gave another block, or no proof"))
	}
	state := feed.State{Key: x.Feed}
	b, err := state.Verify(noNodes{}, p)
	if err != nil {
		return corrupt(err)
	}
	if b.Upgraded == nil || b.Block == nil {
		return corrupt(errors.New("the proof does not reach the signed head"))
	}
	x.Finding, x.Head, x.Proof = Found, b.Upgraded.Head, p.WithoutBlock()
	compareHeads(&x, b.Upgraded.Head, known)
	return x, nil
}

// compareHeads looks whether the box's head is one that may follow the known one.
func compareHeads(x *Result, h feed.Head, known Known) {
	w, ok := known.Heads[x.Feed]
	if !ok {
		return
	}
	switch {
	case h.Fork < w.Fork, h.Fork == w.Fork && h.Length < w.Length:
		x.Finding = RolledBack
		x.Err = fmt.Errorf("it has %d blocks of fork %d, and had %d of fork %d", h.Length, h.Fork, w.Length, w.Fork)
	case h.Fork == w.Fork && h.Length == w.Length && h.Hash != w.Hash:
		x.Finding = Forked
		x.Err = errors.New("the writer of the feed signed two trees for one length")
		if len(w.Signature) > 0 && len(h.Signature) > 0 {
			x.Fork = &feed.ForkError{Key: x.Feed, Have: w, Got: h}
		}
	}
}

// checkDigest compares a digest with that of the auditor's own block.
func checkDigest(c *Challenge, x Result, sum feed.Hash, box identity.BoxKey, known Known) (Result, error) {
	if known.Block == nil {
		panic("audit: digests are to be compared, and there is nothing to compare them with")
	}
	block, err := known.Block(x.Draw)
	if err != nil {
		return x, fmt.Errorf("comparing block %d of feed %s: %w", x.Block, x.Feed.DiscoveryKey(), err)
	}
	want := c.digest(box, x.Draw, block)
	if subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
		x.Finding, x.Err = Corrupt, errors.New("the digest is not that of the block")
		return x, nil
	}
	x.Finding = Found
	compareHeads(&x, x.Head, known)
	return x, nil
}

// noNodes knows nothing: a proof must stand by itself.
type noNodes struct{}

func (noNodes) Node(uint64) (feed.Node, error) { return feed.Node{}, feed.ErrNoNode }
