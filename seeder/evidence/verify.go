package evidence

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
)

// A Shown is what a file shows, for programs; [Shown.Text] says it to people.
type Shown struct {
	About About       `json:"about"`
	Fork  *ShownFork  `json:"fork,omitempty"`
	Audit *ShownAudit `json:"audit,omitempty"`
	Not   []string    `json:"doesNotShow"` // sentences
}

// A ShownFork is a feed's two histories.
type ShownFork struct {
	Feed    string   `json:"feed"` // discovery key
	Number  uint64   `json:"fork"`
	Signers []string `json:"signers"` // public keys in hex, of those who sign the feed
	Quorum  uint64   `json:"quorum"`  // how many of them must sign
	Heads   [2]Head  `json:"heads"`
}

// A Head is a signed tree head.
type Head struct {
	Length uint64 `json:"length"` // blocks
	Root   string `json:"root"`   // the tree hash
}

// A ShownAudit is what a box signed, and has not.
type ShownAudit struct {
	Box    string    `json:"box"`
	Given  time.Time `json:"given"` // when the box says that it answered
	Blocks []Broken  `json:"blocks"`
}

// A Broken is a block that a box failed to show, and what it had signed about it.
type Broken struct {
	Feed    string        `json:"feed"` // discovery key
	Block   uint64        `json:"block"`
	Finding audit.Finding `json:"finding"`
	Why     string        `json:"why"`
	Length  uint64        `json:"receiptLength"`
	Synced  time.Time     `json:"receiptTime"`
}

var notOfForks = []string{
	"who used the key: the writer, a copy of the writer's state that went on by itself (a device that was restored from a backup), or a thief",
	"which of the two histories is the right one, or when either was signed",
	"anything against a box, or against who kept this file: nobody without the writer's key can make such signatures",
}

var notOfAudits = []string{
	"that the blocks are lost everywhere: other boxes may have them",
	"that the box may not have deleted them: the partner may have ended the pin, or the operator with due notice",
	"when this was, but by the box's own clock",
	"why: a broken disk looks like a lie",
}

// Verify checks everything that is signed, and returns what the file shows. An
// error says that it shows nothing: it wraps [ErrNothing], or is one of the errors
// of [feed.CheckFork] or [audit.Evidence.Verify].
func (f *File) Verify() (*Shown, error) {
	if f.Fork != nil {
		return verifyFork(f.Fork)
	}
	broken, report, err := f.Audit.Verify()
	if err != nil {
		return nil, err
	}
	if len(broken) == 0 {
		return nil, fmt.Errorf("%w against the box", ErrNothing)
	}
	shown := &ShownAudit{Box: f.Audit.Box.PeerID().String(), Given: report.Answer.Given}
	for _, b := range broken {
		shown.Blocks = append(shown.Blocks, Broken{
			b.Result.Feed.DiscoveryKey().String(), b.Result.Block, b.Result.Finding, b.Result.Err.Error(), b.Receipt.Length, b.Receipt.Synced,
		})
	}
	return &Shown{About: Audit, Audit: shown, Not: notOfAudits}, nil
}

func verifyFork(f *feed.ForkError) (*Shown, error) {
	e, err := feed.CheckFork(f.Key, f.HaveProof, f.GotProof)
	if err != nil {
		return nil, err
	}
	shown := &ShownFork{Feed: e.Key.DiscoveryKey().String(), Number: e.Have.Fork, Quorum: 1}
	if m := e.HaveProof.Manifest; m != nil {
		shown.Quorum = m.Quorum
		for _, s := range m.Signers {
			shown.Signers = append(shown.Signers, hex.EncodeToString(s.Public[:]))
		}
	} else {
		shown.Signers = []string{hex.EncodeToString(e.Key[:])} // a compat feed's key is its signer's
	}
	for i, h := range []feed.Head{e.Have, e.Got} {
		shown.Heads[i] = Head{h.Length, h.Hash.String()}
	}
	return &Shown{About: Fork, Fork: shown, Not: notOfForks}, nil
}

// Text says to people what a file shows, and what not.
func (s *Shown) Text(w io.Writer) {
	if f := s.Fork; f != nil {
		fmt.Fprintf(w, "two histories of feed %s… are signed with its writer's key, both of fork %d:\n", f.Feed[:16], f.Number)
		for _, h := range f.Heads {
			fmt.Fprintf(w, "  %d blocks with the root %s\n", h.Length, h.Root)
		}
		if len(f.Signers) == 1 {
			fmt.Fprintf(w, "the key is %s\n", f.Signers[0])
		} else {
			fmt.Fprintf(w, "%d of these keys signed: %s\n", f.Quorum, strings.Join(f.Signers, " "))
		}
	}
	if a := s.Audit; a != nil {
		fmt.Fprintf(w, "box %s signed on %s:\n", a.Box, a.Given.Local().Format(time.DateTime))
		for _, b := range a.Blocks {
			fmt.Fprintf(w, "  block %d of feed %s…: %s\n    it signed on %s that it has %d blocks of it\n",
				b.Block, b.Feed[:16], b.Why, b.Synced.Local().Format(time.DateTime), b.Length)
		}
	}
	fmt.Fprintln(w, "This does not show")
	for _, text := range s.Not {
		fmt.Fprintf(w, "  - %s\n", text)
	}
}
