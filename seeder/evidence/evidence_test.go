package evidence_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/evidence"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/wire"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

var (
	boxPrivate = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	box        = identity.BoxKeyOf(boxPrivate)
	now        = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

// A history is a feed with a block that is lost.
type history struct {
	state  feed.State
	nodes  map[uint64]feed.Node
	blocks [][]byte
	lost   uint64
}

func (h *history) Durable() feed.State { return h.state }
func (h *history) Has(i uint64) bool   { return i != h.lost }

func (h *history) Node(i uint64) (feed.Node, error) {
	n, ok := h.nodes[i]
	if !ok {
		return n, feed.ErrNoNode
	}
	return n, nil
}

func (h *history) Block(i uint64, buf []byte) ([]byte, error) {
	return append(buf[:0], h.blocks[i]...), nil
}

// newHistory writes the feed of the writer with seed 07...07, of length blocks that
// are story's from block from on.
func newHistory(t testing.TB, length, from int, story byte) *history {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	h := &history{state: feed.State{Key: m.Key(), Manifest: m}, nodes: make(map[uint64]feed.Node), lost: 5}
	var tree feed.Tree
	for i := range length {
		block := []byte{byte(i), 0}
		if i >= from {
			block[1] = story
		}
		h.blocks = append(h.blocks, block)
		for _, n := range tree.Append(block) {
			h.nodes[n.Index] = n
		}
	}
	var err error
	if h.state.Head, err = feed.Sign(m.Key(), m, private, tree.Head(2)); err != nil {
		t.Fatal(err)
	}
	h.state.Roots = tree.Roots
	return h
}

// proof proves the head by way of block i.
func (h *history) proof(t testing.TB, i uint64) *feed.Proof {
	t.Helper()
	p, err := feed.Prove(h.state.Head, h.state.Manifest, h, feed.Request{
		Block: &feed.BlockRequest{Index: i}, Upgrade: &feed.UpgradeRequest{Length: h.state.Head.Length}, Manifest: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Block.Value = h.blocks[i]
	return p
}

// forked is the evidence of a feed of 7 blocks, and of 9 that differ from block 5 on.
func forked(t testing.TB) *evidence.File {
	t.Helper()
	a, b := newHistory(t, 7, 5, 1), newHistory(t, 9, 5, 2)
	e, err := feed.CheckFork(a.state.Key, a.proof(t, 0), b.proof(t, 6))
	if err != nil {
		t.Fatal(err)
	}
	return &evidence.File{Fork: e}
}

// lost is the evidence that the box lost block 5 of 7.
func lost(t testing.TB) *evidence.File {
	t.Helper()
	h := newHistory(t, 7, 7, 0)
	r := h.state.Head
	receipt, err := identity.SignReceipt(boxPrivate, identity.Receipt{
		Box: box, Partner: identity.PartnerKey{1}, Feed: h.state.Key, Fork: r.Fork, Length: r.Length, Bytes: r.Bytes, Root: r.Hash, Synced: now.Add(-time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &audit.Challenge{Nonce: [32]byte{9}, Draws: []audit.Draw{{Feed: h.state.Key, Block: 4}, {Feed: h.state.Key, Block: 5}}}
	var answer bytes.Buffer
	if _, err := audit.Answer(&answer, c, func(feed.Key) audit.Feed { return h }, boxPrivate, now); err != nil {
		t.Fatal(err)
	}
	return &evidence.File{Audit: &audit.Evidence{Box: box, Receipts: []identity.Statement{receipt}, Challenge: c.Append(nil), Answer: answer.Bytes()}}
}

func marshal(t testing.TB, f *evidence.File) []byte {
	t.Helper()
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The files of EVIDENCE.md: made anew they are the same, and they show what they are about.
func TestVectors(t *testing.T) {
	for file, f := range map[string]*evidence.File{"testdata/fork.evidence": forked(t), "testdata/audit.evidence": lost(t)} {
		text := marshal(t, f)
		if *update {
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s is to be %s", file, text)
		}
	}
}

func TestFork(t *testing.T) {
	f, err := evidence.Parse(marshal(t, forked(t)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Verify()
	if err != nil || s.About != evidence.Fork || s.Fork.Number != 2 || s.Fork.Heads[0].Length != 7 || s.Fork.Heads[1].Length != 9 || len(s.Fork.Signers) != 1 {
		t.Fatalf("Verify = %+v, %v", s, err)
	}
	var text strings.Builder
	s.Text(&text)
	for _, want := range []string{"two histories of feed", "7 blocks", "9 blocks", "the key is " + s.Fork.Signers[0], "does not show", "anything against a box"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}

	// One history is no fork, whoever puts it into a file.
	a, b := newHistory(t, 7, 9, 0), newHistory(t, 9, 9, 0)
	f.Fork.HaveProof, f.Fork.GotProof = forkless(t, a), forkless(t, b)
	if f, err = evidence.Parse(marshal(t, f)); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Verify(); !errors.Is(err, feed.ErrNoFork) {
		t.Errorf("Verify of one history = %+v, %v, want ErrNoFork", s, err)
	}
}

// forkless proves a head by its roots.
func forkless(t testing.TB, h *history) *feed.Proof {
	p := h.proof(t, 0)
	p.Block, p.Upgrade.Nodes = nil, h.state.Roots
	return p
}

func TestAudit(t *testing.T) {
	text := marshal(t, lost(t))
	first := bytes.Replace(text, []byte("evidence 2\",\n  \"about\": \"audit\""), []byte("evidence 1\""), 1)
	for _, text := range [][]byte{text, first} {
		f, err := evidence.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Verify()
		if err != nil || s.About != evidence.Audit || len(s.Audit.Blocks) != 1 || s.Audit.Blocks[0].Block != 5 || s.Audit.Blocks[0].Length != 7 {
			t.Fatalf("Verify = %+v, %v", s, err)
		}
		var words strings.Builder
		s.Text(&words)
		if !strings.Contains(words.String(), "block 5 of feed") || !strings.Contains(words.String(), "ended the pin") {
			t.Errorf("the text is\n%s", &words)
		}
		f.Audit.Receipts = nil
		if s, err := f.Verify(); !errors.Is(err, evidence.ErrNothing) {
			t.Errorf("Verify without a receipt = %+v, %v, want ErrNothing", s, err)
		}
	}
}

// No byte of a file can be changed so that it shows something else.
func TestChanged(t *testing.T) {
	for _, made := range []*evidence.File{forked(t), lost(t)} {
		text := marshal(t, made)
		want, err := made.Verify()
		if err != nil {
			t.Fatal(err)
		}
		for i := range text {
			changed := bytes.Clone(text)
			changed[i] ^= 1
			f, err := evidence.Parse(changed)
			if err != nil {
				if !errors.Is(err, evidence.ErrForm) {
					t.Fatalf("byte %d changed: Parse = %v, want ErrForm", i, err)
				}
				continue
			}
			s, err := f.Verify()
			if err == nil && show(s) != show(want) {
				t.Errorf("byte %d changed, and it shows\n%s", i, show(s))
			}
		}
	}
}

func show(s *evidence.Shown) string {
	var b strings.Builder
	s.Text(&b)
	return b.String()
}

func TestParseRefuses(t *testing.T) {
	text := string(marshal(t, forked(t)))
	audit := string(marshal(t, lost(t)))
	for what, text := range map[string]string{
		"nothing":            "",
		"a list":             "[]",
		"a later version":    strings.Replace(text, "evidence 2", "evidence 3", 1),
		"an unknown kind":    strings.Replace(text, `"fork"`, `"spoon"`, 1),
		"the first version":  strings.Replace(text, "evidence 2", "evidence 1", 1),
		"another kind":       strings.Replace(text, `"fork"`, `"audit"`, 1),
		"an unknown field":   strings.Replace(text, `"feed"`, `"more": 1, "feed"`, 1),
		"something after it": text + "{}",
		"no proofs":          strings.Replace(text, `"proofs"`, `"answer"`, 1),
		"no box":             `{"format": "cobox evidence 2", "about": "audit", "receipts": [], "challenge": "", "answer": ""}`,
		"a bad receipt":      strings.Replace(audit, `cobox/receipt/v1`, `cobox`, 1),
	} {
		if f, err := evidence.Parse([]byte(text)); !errors.Is(err, evidence.ErrForm) {
			t.Errorf("%s: Parse = %+v, %v, want ErrForm", what, f, err)
		}
	}
}

// FuzzParse: no panic, in reading or checking, and what is read is read again from what it writes.
func FuzzParse(f *testing.F) {
	f.Add(marshal(f, forked(f)))
	f.Add(marshal(f, lost(f)))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := evidence.Parse(text)
		if err != nil {
			return
		}
		again, err := file.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := evidence.Parse(again); err != nil {
			t.Errorf("it writes as what is not read: %v", err)
		}
		if s, err := file.Verify(); err == nil {
			_ = show(s)
		}
		if file.Fork != nil && len(wire.AppendFork(nil, file.Fork)) > wire.MaxFork {
			t.Error("it is over the bound")
		}
	})
}
