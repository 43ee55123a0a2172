package interop_test

import "testing"

// Two writers of an Autobase meet, leave all their cores with the box, and a
// reader of the base finds the view there.
func TestAutobase(t *testing.T) {
	s := play(t)
	h := s.host()
	ada := s.peer("autobase.mjs", "--storage", s.TempDir(), "--listen")
	ben := s.peer("autobase.mjs", "--storage", s.TempDir(), "--key", ada.ready.Key, "--to", ada.ready.Address)
	ada.do("append", with{"values": []string{"one", "two"}})
	ada.do("admit", with{"writer": ben.ready.Local})
	ben.do("admitted")
	ben.do("append", with{"values": []string{"three", "four"}})
	ada.do("append", with{"values": []string{"five"}})
	ada.do("view", with{"length": 5})
	want := ben.do("view", with{"length": 5})
	// What the writers have seen of each other must itself be seen: it takes some turns.
	for ada.do("ack").Length < 5 || ben.do("ack").Length < 5 {
	}

	pinned := map[string]bool{}
	for _, p := range []*player{ada, ben} {
		for _, core := range p.do("cores").Cores {
			if !pinned[core.Key] {
				h.pin(core.Key)
				pinned[core.Key] = true
			}
		}
	}
	ben.do("hangup")
	for _, p := range []*player{ada, ben} {
		p.do("dial", with{"to": h.address()})
		p.do("held")
		p.leave()
	}
	h.crash()
	r := s.peer("autobase.mjs", "--storage", s.TempDir(), "--key", ada.ready.Key, "--to", h.address())
	if got := r.do("view", with{"length": 5}); got.SHA256 != want.SHA256 {
		t.Errorf("the view is %+v, want %+v", got, want)
	}
}
