package audit

import (
	"bytes"
	"errors"
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// An Evidence is what somebody can show to others, who can check it without
// asking anybody: a challenge, the box's signed answer, and the receipts that the
// answer is to be held against. Its form as a file is for package evidence.
type Evidence struct {
	Box       identity.BoxKey
	Receipts  []identity.Statement
	Challenge []byte
	Answer    []byte
}

// ErrEvidence says that a receipt is not signed by the box, or that an answer shows
// nothing to others.
var ErrEvidence = errors.New("audit: not evidence")

// A BrokenWord is a draw that failed although a receipt covers it.
type BrokenWord struct {
	Result  Result
	Receipt identity.Receipt
}

// Verify checks everything that is signed, and returns where the box's answer
// breaks the word that it gave in a receipt. None is no error: the evidence then
// shows nothing against the box. Errors wrap [ErrEvidence], [ErrChallenge] or
// [ErrAnswer].
func (e *Evidence) Verify() ([]BrokenWord, *Report, error) {
	c, err := ParseChallenge(e.Challenge)
	if err != nil {
		return nil, nil, err
	}
	if c.Digests {
		return nil, nil, fmt.Errorf("%w: an answer of digests shows nothing to who has not the blocks", ErrEvidence)
	}
	report, err := Check(bytes.NewReader(e.Answer), c, e.Box, Known{})
	if err != nil {
		return nil, nil, err
	}
	// What the box signed after its answer does not bind the answer.
	receipts := make(map[feed.Key]identity.Receipt)
	for _, st := range e.Receipts {
		r, err := identity.OpenReceipt(st, e.Box)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		was, ok := receipts[r.Feed]
		if !r.Synced.After(report.Answer.Given) && (!ok || newer(r, was)) {
			receipts[r.Feed] = r
		}
	}
	var broken []BrokenWord
	for i := range report.Results {
		x := &report.Results[i]
		r, ok := receipts[x.Feed]
		if !ok || x.Block >= r.Length {
			continue
		}
		if x.Finding == Found {
			compareHeads(x, x.Head, Known{Heads: map[feed.Key]feed.Head{x.Feed: HeadOf(r)}})
		}
		if x.Finding != Found && x.Finding != Forked {
			broken = append(broken, BrokenWord{*x, r})
		}
	}
	return broken, report, nil
}

// HeadOf returns the head that a receipt is about; it has no signature.
func HeadOf(r identity.Receipt) feed.Head {
	return feed.Head{Fork: r.Fork, Length: r.Length, Bytes: r.Bytes, Hash: r.Root}
}

func newer(a, b identity.Receipt) bool {
	return a.Fork > b.Fork || a.Fork == b.Fork && a.Length > b.Length
}
