package interop_test

import "testing"

// The writer truncates while box and reader are connected: both follow.
func TestTruncationWhileConnected(t *testing.T) {
	s := play(t)
	h := s.host()
	w := s.writer("--blocks", "100", "--size", "1000")
	h.pin(w.ready.Key)
	w.push(h)
	r := s.reader(w.ready.Key, []host{h}, "--follow")
	r.do("sum", with{"length": 100})
	for _, to := range []int{90, 33, 0} {
		w.do("truncate", with{"to": to})
		w.do("append", with{"blocks": 20, "size": 500})
		w.do("held")
		want := w.do("sum")
		if got := r.do("sum", with{"length": want.Length, "fork": want.Fork}); !got.same(want) {
			t.Errorf("truncated to %d: the reader got %+v, want %+v", to, got, want)
		}
	}
	w.leave()
	h.crash()
	later := s.reader(w.ready.Key, []host{h})
	now := r.do("sum")
	if got := later.do("sum", with{"length": now.Length, "fork": now.Fork}); !got.same(now) {
		t.Errorf("a later reader got %+v, want %+v", got, now)
	}
}

// The writer truncates while it is away, more than once, and comes back with a
// feed that is shorter, and then with one that is longer, than what the box has.
func TestTruncationWhileAway(t *testing.T) {
	s := play(t)
	h := s.host()
	folder := s.TempDir()
	come := func() *player {
		return s.peer("writer.mjs", "--storage", folder, "--seed", s.Name())
	}
	w := come()
	w.do("append", with{"blocks": 200, "size": 1000})
	h.pin(w.ready.Key)
	w.push(h)
	w.leave()

	w = come()
	w.do("truncate", with{"to": 150})
	w.do("truncate", with{"to": 101})
	w.do("append", with{"blocks": 3, "size": 10})
	shorter := w.push(h)
	w.leave()
	r := s.reader(w.ready.Key, []host{h})
	if got := r.do("sum", with{"length": shorter.Length, "fork": shorter.Fork}); !got.same(shorter) {
		t.Errorf("shorter: the reader got %+v, want %+v", got, shorter)
	}

	w = come()
	w.do("truncate", with{"to": 50})
	w.do("append", with{"blocks": 300, "size": 100})
	longer := w.push(h)
	w.leave()
	// The reader that is still connected follows too.
	if got := r.do("sum", with{"length": longer.Length, "fork": longer.Fork}); !got.same(longer) {
		t.Errorf("longer: the reader got %+v, want %+v", got, longer)
	}
}
