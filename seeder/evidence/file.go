package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/wire"
)

// Max bounds a file's bytes: the answer to an audit has blocks in it.
const Max = 256 << 20

// The first field of a file; format1 was about audits only, and did not say so.
const (
	format1 = "cobox evidence 1"
	format  = "cobox evidence 2"
)

// An About says what a file is evidence of.
type About string

// The kinds.
const (
	Fork  About = "fork"  // a feed's writer signed two histories
	Audit About = "audit" // a box has not what it gave a receipt for
)

// A File is the content of an evidence file; one of the fields is there.
type File struct {
	Fork  *feed.ForkError // with both proofs
	Audit *audit.Evidence
}

// ErrForm says that bytes are not an evidence file.
var ErrForm = errors.New("evidence: not an evidence file")

// ErrNothing says that a file's parts are signed, and show nothing.
var ErrNothing = errors.New("evidence: it shows nothing")

// header is read first: the other fields depend on it.
type header struct {
	Format string `json:"format"`
	About  About  `json:"about"`
}

type forkFile struct {
	Format string `json:"format"`
	About  About  `json:"about"`
	Feed   string `json:"feed"`   // key, in z-base-32
	Proofs []byte `json:"proofs"` // wire.AppendFork
}

type auditFile struct {
	Format    string          `json:"format"`
	About     About           `json:"about,omitempty"` // not in format 1
	Box       identity.BoxKey `json:"box"`
	Receipts  []string        `json:"receipts"`
	Challenge []byte          `json:"challenge"`
	Answer    []byte          `json:"answer"`
}

// Marshal returns the file's bytes. It panics when f is not one kind of evidence,
// or about a fork whose proofs are not there.
func (f *File) Marshal() ([]byte, error) {
	var v any
	switch {
	case f.Fork != nil && f.Audit == nil && f.Fork.HaveProof != nil && f.Fork.GotProof != nil:
		v = forkFile{format, Fork, f.Fork.Key.String(), wire.AppendFork(nil, f.Fork)}
	case f.Audit != nil && f.Fork == nil:
		a := auditFile{Format: format, About: Audit, Box: f.Audit.Box, Receipts: []string{}, Challenge: f.Audit.Challenge, Answer: f.Audit.Answer}
		for _, st := range f.Audit.Receipts {
			a.Receipts = append(a.Receipts, st.String())
		}
		v = a
	default:
		panic("evidence: a file of no kind, or of two")
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil && len(text) >= Max {
		err = fmt.Errorf("evidence of more than %d bytes", Max)
	}
	return append(text, '\n'), err
}

// Parse reads a file. It checks no signature: see [File.Verify]. Errors wrap [ErrForm].
func Parse(text []byte) (*File, error) {
	f, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return f, nil
}

func parse(text []byte) (*File, error) {
	var h header
	if len(text) > Max {
		return nil, fmt.Errorf("it has more than %d bytes", Max)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	switch {
	case h.Format == format && h.About == Fork:
		return parseFork(text)
	case h.Format == format && h.About == Audit, h.Format == format1 && h.About == "":
		return parseAudit(text)
	}
	return nil, fmt.Errorf("format %.40q about %.40q", h.Format, h.About)
}

func parseFork(text []byte) (*File, error) {
	var f forkFile
	if err := strictly(text, &f); err != nil {
		return nil, err
	}
	key, err := feed.ParseKey(f.Feed)
	if err != nil {
		return nil, err
	}
	have, got, err := wire.ParseFork(f.Proofs)
	if err != nil {
		return nil, err
	}
	return &File{Fork: &feed.ForkError{Key: key, HaveProof: have, GotProof: got}}, nil
}

func parseAudit(text []byte) (*File, error) {
	var f auditFile
	if err := strictly(text, &f); err != nil {
		return nil, err
	}
	if f.Box.IsZero() {
		return nil, errors.New("it names no box")
	}
	a := &audit.Evidence{Box: f.Box, Challenge: f.Challenge, Answer: f.Answer}
	for _, text := range f.Receipts {
		st, err := identity.ParseStatement([]byte(text))
		if err != nil {
			return nil, err
		}
		a.Receipts = append(a.Receipts, st)
	}
	return &File{Audit: a}, nil
}

// strictly decodes one JSON value whose fields are all known, and after which
// nothing comes.
func strictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something comes after it")
	}
	return nil
}
