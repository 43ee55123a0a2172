package interop_test

import "testing"

// The stock client asks the box to keep its core; nobody pins anything by hand.
func TestBlindPeeringClient(t *testing.T) {
	s := playBox(t)
	b := s.box()
	c := s.peer("blind-peering.mjs", "--storage", s.TempDir(), "--seed", s.Name(),
		"--to", b.address(), "--server-key", b.Hypercore.Key)
	s.must(b.GrantHypercore(s.ctx, c.ready.Client, "1GB"))
	c.do("append", with{"blocks": 100, "size": 3000})
	c.do("ask")
	c.do("held")
	// And what it writes while it is connected.
	c.do("append", with{"blocks": 10, "size": 300})
	c.do("held")
	want := c.do("sum")
	c.leave()
	b.crash()
	r := s.reader(c.ready.Key, []host{b})
	if got := r.do("sum", with{"length": want.Length}); !got.same(want) {
		t.Errorf("the reader got %+v, want %+v", got, want)
	}
}

// A client without a grant is refused.
func TestBlindPeeringStranger(t *testing.T) {
	s := playBox(t)
	b := s.box()
	c := s.peer("blind-peering.mjs", "--storage", s.TempDir(), "--seed", s.Name(),
		"--to", b.address(), "--server-key", b.Hypercore.Key)
	c.do("append", with{"blocks": 3, "size": 30})
	c.do("ask")
	// The client is refused once its channel is closed; then it tries again after a while.
	c.hear("closed")
	if _, err := b.Pinned(s.ctx, c.ready.Key); err == nil {
		t.Error("the box keeps a core for a client without a grant")
	}
}

// The quota holds for such clients too.
func TestBlindPeeringQuota(t *testing.T) {
	s := playBox(t)
	b := s.box()
	c := s.peer("blind-peering.mjs", "--storage", s.TempDir(), "--seed", s.Name(),
		"--to", b.address(), "--server-key", b.Hypercore.Key)
	s.must(b.GrantHypercore(s.ctx, c.ready.Client, "1MB"))
	c.do("append", with{"blocks": 40, "size": 100_000})
	c.do("ask")
	s.until(b, c.ready.Key, func(h held) bool { return len(h.why) > 10 && h.why[:10] == "over-quota" })
	if st := b.status(c.ready.Key); st.HeldBytes > 1_000_000 {
		t.Errorf("the box holds %d bytes of a partner with 1 MB", st.HeldBytes)
	}
}
