package audit_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
)

func TestHonestBox(t *testing.T) {
	for n := 1; n <= 40; n++ {
		k := newKept(t, 3, n, 100)
		for _, c := range []*audit.Challenge{{Draws: all(k)}, {Draws: all(k), Digests: true}} {
			known := audit.Known{
				Heads: map[feed.Key]feed.Head{k.key(): k.state.Head},
				Block: func(d audit.Draw) ([]byte, error) { return k.blocks[d.Block], nil },
			}
			r := ask(t, c, known, k)
			if len(r.Results) != n || len(r.Failed()) > 0 {
				t.Fatalf("%d blocks, digests %v: %d results, failed %+v", n, c.Digests, len(r.Results), r.Failed())
			}
			if e := audit.EndingOf(r, 1, 2); e != audit.Passed {
				t.Errorf("EndingOf = %s, want passed", e)
			}
			if !r.Answer.Given.Equal(now) || r.Answer.Box != box {
				t.Errorf("the answer is %+v", r.Answer)
			}
		}
	}
}

func TestWhatABoxLacks(t *testing.T) {
	k := newKept(t, 3, 8, 100)
	k.lost[2] = true
	k.torn[3] = true
	k.blocks[5] = append([]byte{0xff}, k.blocks[5][1:]...) // rotten on the disk
	c := &audit.Challenge{Draws: append(all(k), audit.Draw{Feed: k.key(), Block: 99}, audit.Draw{Feed: feed.Key{1}, Block: 0})}
	var answer bytes.Buffer
	broken, err := audit.Answer(&answer, c, find(k), boxPrivate, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(broken) != 2 || broken[0].Block != 3 || broken[1].Block != 5 {
		t.Errorf("broken = %v, want the blocks 3 and 5", broken)
	}
	r, err := audit.Check(&answer, c, box, audit.Known{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]audit.Reason{2: audit.NotOnDisk, 3: audit.Unreadable, 5: audit.Damaged, 8: audit.NotOnDisk, 9: audit.NotPinned}
	for i, x := range r.Results {
		reason := want[i]
		if reason == 0 && x.Finding != audit.Found || reason != 0 && (x.Finding != audit.Missing || x.Reason != reason) {
			t.Errorf("draw %d: %s, %v; want reason %v", i, x.Finding, x.Reason, reason)
		}
	}
	if e := audit.EndingOf(r, 1, 2); e != audit.Incomplete {
		t.Errorf("EndingOf = %s, want missing", e)
	}
}

// TestLyingBox has a box sign whatever it likes.
func TestLyingBox(t *testing.T) {
	k := newKept(t, 3, 8, 100)
	other := newKept(t, 4, 8, 100)
	draw := audit.Draw{Feed: k.key(), Block: 4}
	c := &audit.Challenge{Draws: []audit.Draw{draw}}
	t.Run("another block of the feed", func(t *testing.T) {
		// The box answers for block 3, which it still has, under the name of block 4.
		lie := &kept{state: k.state, nodes: k.nodes, blocks: k.blocks, lost: k.lost}
		forged := &audit.Challenge{Draws: []audit.Draw{{Feed: k.key(), Block: 3}}, Nonce: c.Nonce}
		b := answer(t, forged, boxPrivate, lie)
		if _, err := audit.Check(bytes.NewReader(b), c, box, audit.Known{}); !errors.Is(err, audit.ErrAnswer) {
			t.Errorf("Check = %v, want ErrAnswer: it was signed for another challenge", err)
		}
	})
	t.Run("another feed", func(t *testing.T) {
		lie := func(feed.Key) audit.Feed { return other }
		var b bytes.Buffer
		if _, err := audit.Answer(&b, c, lie, boxPrivate, now); err != nil {
			t.Fatal(err)
		}
		r, err := audit.Check(&b, c, box, audit.Known{})
		if err != nil || r.Results[0].Finding != audit.Corrupt || audit.EndingOf(r, 1, 2) != audit.Broken {
			t.Errorf("Check = %+v, %v, want corrupt", r, err)
		}
	})
	t.Run("an older state", func(t *testing.T) {
		known := k.state.Head
		known.Length++
		r := ask(t, c, audit.Known{Heads: map[feed.Key]feed.Head{k.key(): known}}, k)
		if r.Results[0].Finding != audit.RolledBack || audit.EndingOf(r, 1, 2) != audit.Older {
			t.Errorf("finding = %s, want rolled back", r.Results[0].Finding)
		}
	})
	t.Run("two trees", func(t *testing.T) {
		known := k.state.Head
		known.Hash[0] ^= 1
		r := ask(t, c, audit.Known{Heads: map[feed.Key]feed.Head{k.key(): known}}, k)
		if r.Results[0].Finding != audit.Forked || r.Results[0].Fork == nil {
			t.Errorf("finding = %s, want forked with evidence", r.Results[0].Finding)
		}
		if e := audit.EndingOf(r, 1, 2); e != audit.Passed {
			t.Errorf("EndingOf = %s: the box is not to blame for its writer", e)
		}
	})
	t.Run("the digest of another box", func(t *testing.T) {
		c := &audit.Challenge{Draws: []audit.Draw{draw}, Digests: true}
		theirs := answer(t, c, otherPrivate, k)
		_, err := audit.Check(bytes.NewReader(theirs), c, box, audit.Known{Block: func(audit.Draw) ([]byte, error) { return k.blocks[4], nil }})
		if !errors.Is(err, audit.ErrAnswer) {
			t.Errorf("Check = %v, want ErrAnswer: it is signed by another box", err)
		}
	})
	t.Run("a digest made up", func(t *testing.T) {
		c := &audit.Challenge{Draws: []audit.Draw{draw}, Digests: true}
		r := ask(t, c, audit.Known{Block: func(audit.Draw) ([]byte, error) { return k.blocks[5], nil }}, k)
		if r.Results[0].Finding != audit.Corrupt {
			t.Errorf("finding = %s, want corrupt", r.Results[0].Finding)
		}
	})
}

// TestEveryByteOfAnAnswer flips each byte, and cuts after each: no changed
// answer counts for anything, and a broken connection is nobody's fault.
func TestEveryByteOfAnAnswer(t *testing.T) {
	k := newKept(t, 3, 3, 40)
	k.lost[2] = true
	for _, c := range []*audit.Challenge{{Draws: all(k)}, {Draws: all(k), Digests: true}} {
		b := answer(t, c, boxPrivate, k)
		known := audit.Known{Block: func(d audit.Draw) ([]byte, error) { return k.blocks[d.Block], nil }}
		for i := range b {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			if r, err := audit.Check(bytes.NewReader(changed), c, box, known); err == nil {
				t.Fatalf("with byte %d of %d changed: Check = %+v, want an error", i, len(b), r)
			}
			_, err := audit.Check(bytes.NewReader(b[:i]), c, box, known)
			if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, audit.ErrAnswer) {
				t.Fatalf("cut after %d of %d bytes: Check = %v, want ErrUnexpectedEOF alone", i, len(b), err)
			}
		}
	}
}

// TestAnswerIsBounded: a length from the wire alone makes nobody allocate.
func TestAnswerIsBounded(t *testing.T) {
	c := &audit.Challenge{Draws: make([]audit.Draw, 1)}
	long := []byte{0xff, 0xff, 0xff, 0x7f}
	if _, err := audit.Check(bytes.NewReader(long), c, box, audit.Known{}); !errors.Is(err, audit.ErrAnswer) {
		t.Errorf("Check of an item of 2 GiB = %v, want ErrAnswer", err)
	}
	announced := []byte{0, 0, 0, 1, 7} // 16 MiB are to come, and do not
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := audit.Check(bytes.NewReader(announced), c, box, audit.Known{})
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 8<<20 {
		t.Errorf("Check of a cut answer = %v, and took %d bytes of memory", err, n)
	}
}

func TestParseChallenge(t *testing.T) {
	c := &audit.Challenge{Nonce: [32]byte{1, 2, 3}, Draws: []audit.Draw{{Feed: feed.Key{4}, Block: 1 << 40}, {Feed: feed.Key{5}}}}
	b := c.Append(nil)
	got, err := audit.ParseChallenge(b)
	if err != nil || got.Hash() != c.Hash() {
		t.Fatalf("ParseChallenge = %+v, %v", got, err)
	}
	for i := range b {
		if _, err := audit.ParseChallenge(b[:i]); !errors.Is(err, audit.ErrChallenge) {
			t.Errorf("cut after %d bytes: ParseChallenge = %v, want ErrChallenge", i, err)
		}
	}
	many := audit.Challenge{Draws: make([]audit.Draw, audit.MaxDraws+1)}
	for what, b := range map[string][]byte{
		"no draws":       (&audit.Challenge{}).Append(nil),
		"too many draws": many.Append(nil),
		"more after it":  append(bytes.Clone(b), 0),
		"version 2":      append([]byte{2}, b[1:]...),
	} {
		if _, err := audit.ParseChallenge(b); !errors.Is(err, audit.ErrChallenge) {
			t.Errorf("%s: ParseChallenge = %v, want ErrChallenge", what, err)
		}
	}
	most := audit.Challenge{Draws: make([]audit.Draw, audit.MaxDraws)}
	for i := range most.Draws {
		most.Draws[i].Block = feed.MaxLength
	}
	if n := len(most.Append(nil)); n > audit.MaxChallenge {
		t.Errorf("the largest challenge has %d bytes, more than %d", n, audit.MaxChallenge)
	}
}

func FuzzParseChallenge(f *testing.F) {
	f.Add((&audit.Challenge{Draws: []audit.Draw{{Feed: feed.Key{4}, Block: 300}}}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := audit.ParseChallenge(b); err == nil && !bytes.Equal(c.Append(nil), b) {
			t.Errorf("%x is read, and written as %x", b, c.Append(nil))
		}
	})
}

func FuzzCheck(f *testing.F) {
	k := newKept(f, 3, 5, 40)
	k.lost[1] = true
	c := &audit.Challenge{Draws: all(k)}
	good := answer(f, c, boxPrivate, k)
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := audit.Check(bytes.NewReader(b), c, box, audit.Known{})
		if err == nil && !bytes.HasPrefix(b, good) {
			t.Errorf("an answer that the box did not sign counts: %+v", r)
		}
	})
}
