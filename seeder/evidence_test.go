package seeder_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/evidence"
	"cobox/seeder/pin"
)

// A box that froze a feed gives its partners what shows why, and takes the same from
// them: another box freezes the feed too. Others get and change nothing.
func TestEvidenceOfAFork(t *testing.T) {
	b, second := startBox(t, stateDir(t)), startBox(t, stateDir(t))
	partner, other := key(40), key(43)
	for _, box := range []*box{b, second} {
		box.grant(t, partner, 1<<20, time.Now())
	}
	b.grant(t, other, 1<<20, time.Now())
	c := newDevice(t, partner, 41).connect(t, b)
	stranger := newDevice(t, other, 44).connect(t, b)
	l, twin := newLog(t, 42), newLog(t, 42)
	l.write(t, 6, 100, 1)
	twin.write(t, 9, 100, 77)
	key := l.Key()
	if _, err := c.Pin(t.Context(), key, api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, c, l)
	wait(t, c, key, pin.Complete, 6)
	if text, err := c.Evidence(t.Context(), key); !hasCode(err, api.NotFound) {
		t.Errorf("evidence of a feed that is not forked = %s, %v, want %s", text, err, api.NotFound)
	}
	stop()
	push(t, c, twin)
	wait(t, c, key, pin.Frozen, 6)

	text, err := c.Evidence(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	f, err := evidence.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := f.Verify()
	if err != nil || f.Fork.Key != key || shown.Fork.Heads[0].Length != 6 || shown.Fork.Heads[1].Length != 9 {
		t.Fatalf("Verify = %+v, %v, want the two histories", shown, err)
	}
	if text, err := stranger.Evidence(t.Context(), key); !hasCode(err, api.NotFound) {
		t.Errorf("another partner gets %s, %v, want %s", text, err, api.NotFound)
	}

	// The other box has one history, and has met no fork.
	c2 := newDevice(t, partner, 45).connect(t, second)
	if err := c2.ShowEvidence(t.Context(), key, text); !hasCode(err, api.NotFound) {
		t.Errorf("ShowEvidence of a feed that the box does not keep = %v, want %s", err, api.NotFound)
	}
	if _, err := c2.Pin(t.Context(), key, api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	twin = newLog(t, 42) // the one before knows of the fork
	twin.write(t, 9, 100, 77)
	stop = push(t, c2, twin)
	wait(t, c2, key, pin.Complete, 9)
	stop()
	damaged := bytes.Replace(text, []byte(`"proofs":"`), []byte(`"proofs":"AAAA`), 1)
	foreign := []byte(strings.Replace(string(text), key.String(), newLog(t, 46).Key().String(), 1))
	for what, file := range map[string][]byte{
		"damaged": damaged, "about another feed": foreign, "too long": []byte(`{"format":"` + strings.Repeat("x", 1<<20) + `"}`), "no file": []byte(`{}`),
	} {
		if err := c2.ShowEvidence(t.Context(), key, file); !hasCode(err, api.BadRequest) {
			t.Errorf("ShowEvidence of evidence that is %s = %v, want %s", what, err, api.BadRequest)
		}
	}
	wait(t, c2, key, pin.Complete, 9)
	if err := c2.ShowEvidence(t.Context(), key, text); err != nil {
		t.Fatal(err)
	}
	wait(t, c2, key, pin.Frozen, 9)
	again, err := c2.Evidence(t.Context(), key)
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("the other box gives %s, %v, want what it was given", again, err)
	}
}
