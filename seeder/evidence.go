package seeder

import (
	"encoding/json"
	"io"
	"net/http"

	"cobox/seeder/api"
	"cobox/seeder/evidence"
	"cobox/seeder/feed"
)

// getEvidence gives what shows that a feed's writer forked it, as an evidence file
// (seeder/evidence/EVIDENCE.md).
func (s *Seeder) getEvidence(c caller, r *http.Request) (any, error) {
	key, err := feedOf(r)
	if err != nil {
		return nil, err
	}
	f := s.readable(c, key)
	if f == nil {
		return nil, errNoPin
	}
	e := f.Frozen()
	switch {
	case e == nil:
		return nil, &api.Error{Code: api.NotFound, Text: "there is no evidence against the writer of this feed"}
	case e.HaveProof == nil:
		return nil, &api.Error{Code: api.NotFound, Text: "the box kept the two heads of this feed's fork, and not the proofs that others could check: " + e.Error()}
	}
	text, err := (&evidence.File{Fork: e}).Marshal()
	return json.RawMessage(text), err
}

// maxForkFile bounds an evidence file about a fork: wire.MaxFork bytes in base64.
const maxForkFile = 1 << 20

// putEvidence takes in what somebody else has found, as if the box had met it
// itself: nobody but the feed's writer can make it, so whoever brings it is believed.
func (s *Seeder) putEvidence(c caller, r *http.Request) (any, error) {
	key, err := feedOf(r)
	if err != nil {
		return nil, err
	}
	f := s.readable(c, key)
	if f == nil {
		return nil, errNoPin
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxForkFile+1))
	if err == nil && len(text) > maxForkFile {
		err = evidence.ErrForm
	}
	var file *evidence.File
	if err == nil {
		file, err = evidence.Parse(text)
	}
	var e *feed.ForkError
	if err == nil {
		if file.Fork == nil || file.Fork.Key != key {
			err = evidence.ErrNothing
		} else {
			e, err = feed.CheckFork(key, file.Fork.HaveProof, file.Fork.GotProof)
		}
	}
	if err != nil {
		return nil, &api.Error{Code: api.BadRequest, Text: "reading the evidence: " + err.Error()}
	}
	return nil, f.Freeze(e)
}
