package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/audit"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// auditsDir has a file a box, with how its audits ended.
const auditsDir = "audits"

// Audits is what an operator's computer remembers of the audits of a box.
type Audits struct {
	audit.Record
	// Feeds are those that the box kept, by key in z-base-32.
	Feeds map[string]AuditedFeed `json:"feeds,omitempty"`
}

// An AuditedFeed is what a box owes of a feed since an audit.
type AuditedFeed struct {
	// Owed blocks of a fork were all there, as the box said.
	Fork uint64 `json:"fork"`
	Owed uint64 `json:"owed"`
	// Head is the newest head that an audit has shown (audit.Head); none when none has.
	Head []byte `json:"head,omitempty"`
}

func (h *Home) auditsPath(id identity.BoxKey) string {
	return filepath.Join(h.dir, auditsDir, id.PeerID().String()+".json")
}

// Audits returns what is remembered of a box's audits.
func (h *Home) Audits(id identity.BoxKey) (*Audits, error) {
	a := &Audits{}
	text, err := os.ReadFile(h.auditsPath(id))
	if err == nil {
		err = json.Unmarshal(text, a)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the audits of box %s: %w", id.PeerID(), err)
	}
	if a.Feeds == nil {
		a.Feeds = make(map[string]AuditedFeed)
	}
	return a, nil
}

// KeepAudits remembers them.
func (h *Home) KeepAudits(id identity.BoxKey, a *Audits) error {
	text, err := json.Marshal(a)
	if err == nil {
		err = durable.Mkdir(filepath.Join(h.dir, auditsDir), 0o700)
	}
	if err == nil {
		err = durable.WriteFile(h.auditsPath(id), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the audits of box %s: %w", id.PeerID(), err)
	}
	return nil
}

// Owes returns how much of each feed the box is held to: what it says that it has
// whole, and what it had whole at an earlier audit, until the feed's writer
// truncates it or nobody pins it any more. whole are those that count, and waiting
// counts the others: a box that is still fetching promises nothing yet.
func (a *Audits) Owes(pins []pin.Status) (whole []audit.Extent, waiting int) {
	seen := make(map[feed.Key]bool)
	for _, p := range pins {
		if seen[p.Feed] {
			continue
		}
		seen[p.Feed] = true
		e := audit.Extent{Feed: p.Feed}
		if p.Blocks >= p.Head.Length {
			e.Length = p.Head.Length
		}
		if was := a.Feeds[p.Feed.String()]; was.Fork >= p.Head.Fork {
			e.Length = max(e.Length, was.Owed)
		}
		if e.Length == 0 {
			waiting++
			continue
		}
		whole = append(whole, e)
	}
	return whole, waiting
}

// Gone counts the feeds that are remembered and that nobody pins any more.
func (a *Audits) Gone(pins []pin.Status) int {
	gone := len(a.Feeds)
	seen := make(map[feed.Key]bool)
	for _, p := range pins {
		if _, ok := a.Feeds[p.Feed.String()]; ok && !seen[p.Feed] {
			gone--
		}
		seen[p.Feed] = true
	}
	return gone
}

// Heads returns the heads of feeds that audits have shown.
func (a *Audits) Heads(feeds []audit.Extent) (map[feed.Key]audit.Head, error) {
	heads := make(map[feed.Key]audit.Head)
	for _, f := range feeds {
		was := a.Feeds[f.Feed.String()]
		if len(was.Head) == 0 {
			continue
		}
		h, err := audit.ParseHead(f.Feed, was.Head)
		if err != nil {
			return nil, err
		}
		heads[f.Feed] = h
	}
	return heads, nil
}

// Learn remembers what the box owes from now on, and the newest heads. What nobody
// pins any more is forgotten.
func (a *Audits) Learn(pins []pin.Status, newest map[feed.Key]audit.Head) {
	feeds := make(map[string]AuditedFeed)
	for _, p := range pins {
		f := a.Feeds[p.Feed.String()]
		if p.Blocks >= p.Head.Length && (p.Head.Fork > f.Fork || p.Head.Fork == f.Fork && p.Head.Length > f.Owed) {
			f.Fork, f.Owed = p.Head.Fork, p.Head.Length
		}
		if h, ok := newest[p.Feed]; ok {
			f.Head = h.Append(nil)
		}
		feeds[p.Feed.String()] = f
	}
	a.Feeds = feeds
}
