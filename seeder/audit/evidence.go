package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// evidenceFormat is the first field of an evidence file.
const evidenceFormat = "cobox evidence 1"

// MaxEvidence bounds an evidence file's bytes.
const MaxEvidence = 256 << 20

// An Evidence is what somebody can show to others, who can check it without
// asking anybody: a challenge, the box's signed answer, and the receipts that the
// answer is to be held against.
type Evidence struct {
	Box       identity.BoxKey
	Receipts  []identity.Statement
	Challenge []byte
	Answer    []byte
}

// evidenceFile is the form in a file: JSON, the bytes in base64.
type evidenceFile struct {
	Format    string          `json:"format"`
	Box       identity.BoxKey `json:"box"`
	Receipts  []string        `json:"receipts"`
	Challenge []byte          `json:"challenge"`
	Answer    []byte          `json:"answer"`
}

// Marshal returns the evidence as a file.
func (e *Evidence) Marshal() ([]byte, error) {
	f := evidenceFile{Format: evidenceFormat, Box: e.Box, Challenge: e.Challenge, Answer: e.Answer}
	for _, st := range e.Receipts {
		f.Receipts = append(f.Receipts, st.String())
	}
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

// ErrEvidence says that a file is not evidence, or that something in it is not
// signed by the box.
var ErrEvidence = errors.New("audit: not evidence")

// ParseEvidence reads a file. It checks nothing: see [Evidence.Verify].
func ParseEvidence(text []byte) (*Evidence, error) {
	var f evidenceFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if f.Format != evidenceFormat {
		return nil, fmt.Errorf("%w: format %.40q", ErrEvidence, f.Format)
	}
	e := &Evidence{Box: f.Box, Challenge: f.Challenge, Answer: f.Answer}
	for _, text := range f.Receipts {
		st, err := identity.ParseStatement([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		e.Receipts = append(e.Receipts, st)
	}
	return e, nil
}

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
	receipts := make(map[feed.Key]identity.Receipt)
	known := Known{Heads: make(map[feed.Key]feed.Head)}
	for _, st := range e.Receipts {
		r, err := identity.OpenReceipt(st, e.Box)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		if was, ok := receipts[r.Feed]; !ok || newer(r, was) {
			receipts[r.Feed], known.Heads[r.Feed] = r, HeadOf(r)
		}
	}
	c, err := ParseChallenge(e.Challenge)
	if err != nil {
		return nil, nil, err
	}
	if c.Digests {
		return nil, nil, fmt.Errorf("%w: an answer of digests shows nothing to who has not the blocks", ErrEvidence)
	}
	report, err := Check(bytes.NewReader(e.Answer), c, e.Box, known)
	if err != nil {
		return nil, nil, err
	}
	var broken []BrokenWord
	for _, x := range report.Failed() {
		r, ok := receipts[x.Feed]
		covers := ok && x.Block < r.Length && !r.Synced.After(report.Answer.Given)
		if covers && x.Finding != Forked {
			broken = append(broken, BrokenWord{x, r})
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
