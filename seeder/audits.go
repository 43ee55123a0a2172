package seeder

import (
	"io"
	"net/http"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/audit"
	"cobox/seeder/feed"
	"cobox/seeder/store"
)

// maxAudits bounds the audits that are answered at one time, of all partners: an
// answer reads from the disk and holds a block in memory.
const maxAudits = 4

// audits counts the audits that are being answered: one for each who asks.
type audits struct {
	mu      sync.Mutex
	running map[string]bool // mu; by who asks
}

// begin reports whether an audit may be answered now; done ends it.
func (a *audits) begin(p string) (done func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[p] || len(a.running) >= maxAudits {
		return nil, false
	}
	if a.running == nil {
		a.running = make(map[string]bool)
	}
	a.running[p] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.running, p)
	}, true
}

// postAudit answers a challenge about feeds that the caller may read
// (seeder/audit/AUDIT.md).
func (s *Seeder) postAudit(c caller, w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, audit.MaxChallenge))
	if err != nil {
		return &api.Error{Code: api.BadRequest, Text: "reading the challenge: " + err.Error()}
	}
	challenge, err := audit.ParseChallenge(body)
	if err != nil {
		return &api.Error{Code: api.BadRequest, Text: err.Error()}
	}
	done, ok := s.audits.begin(c.String())
	if !ok {
		return &api.Error{Code: api.Busy, Text: "the box is answering an audit already", Hint: "try again in a few minutes"}
	}
	defer done()
	w.Header().Set("Content-Type", "application/octet-stream")
	find := func(key feed.Key) audit.Feed {
		if f := s.readable(c, key); f != nil {
			return f
		}
		return nil // not a Feed that is nil
	}
	broken, err := audit.Answer(&unhurried{w, http.NewResponseController(w)}, challenge, find, s.private, time.Now())
	for _, d := range broken {
		s.recheck(d)
	}
	if err != nil {
		s.log.Debug("an audit was not answered to its end", "error", err) // the caller has gone
	}
	return nil
}

// String names who asks, as one of those who count against a bound together.
func (c caller) String() string {
	switch {
	case c.operator:
		return "operator"
	case len(c.keeperOf) > 0:
		return "keepers"
	}
	return c.cert.Partner.String()
}

// readable returns a feed if the caller may read it, else nil.
func (s *Seeder) readable(c caller, key feed.Key) *store.Feed {
	if !c.operator && s.heldPin(key, c.cert.Partner) == nil && !s.pinnedByAny(key, c.keeperOf) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.feeds[key]
	if k == nil {
		return nil
	}
	return k.feed
}

// recheck does about a block that an audit found bad what a scrub would do.
func (s *Seeder) recheck(d audit.Draw) {
	s.mu.Lock()
	k := s.feeds[d.Feed]
	s.mu.Unlock()
	if k == nil {
		return
	}
	found, err := k.feed.Recheck(d.Block)
	if err != nil {
		s.log.Error("looking into what an audit found", "feed", d.Feed.DiscoveryKey(), "block", d.Block, "error", err)
	}
	for _, f := range found {
		s.damaged(f)
	}
}

// unhurried gives each write of an answer the time that the slowest link needs
// for it: an answer is longer than others, and a link may be slow.
type unhurried struct {
	w  io.Writer
	rc *http.ResponseController
}

func (u *unhurried) Write(b []byte) (int, error) {
	if err := u.rc.SetWriteDeadline(time.Now().Add(audit.Link{}.Deadline(uint64(len(b))))); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}
