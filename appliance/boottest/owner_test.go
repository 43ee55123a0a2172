package boottest_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/boottest"
)

// TestOwner: who flashes a card for himself switches the box on, and it is his without
// a code: it takes his orders and keeps his partner's feed, and no code makes it
// anybody else's. The card says nothing any more then.
func TestOwner(t *testing.T) {
	s := bareStory(t, boottest.Virt)
	s.card.File = filepath.Join(s.dir, "card")
	if err := boottest.Flash(image(t, s.board), s.card.File, cardSize); err != nil {
		t.Fatal(err)
	}
	var me struct{ Operator string }
	s.run(&me, "", "coboxctl", "init")
	var card struct{ Owner, Flashed string }
	s.run(&card, "", "mkimage", "personalise", "-owner", me.Operator, s.card.File)

	s.switchOn()
	s.awaitBox()
	s.await("personalised")
	if text, err := boottest.ReadBootFile(s.card.File, "COBOX.TXT"); err != nil || len(bytes.TrimSpace(text)) > 0 {
		t.Errorf("after the first start the card still says %d bytes, %v", len(bytes.TrimSpace(text)), err)
	}
	s.awaitRun("", "coboxctl", "pair", "-addr", s.addr, "-flashed", card.Flashed)
	if st := s.status(); st.Authority.Role != "owner" || len(st.Authority.Troubles) > 0 {
		t.Errorf("met: %+v", st)
	}
	s.becomePartner()
	folder := filepath.Join(s.dir, "documents")
	fill(t, folder, 3, 10_000)
	s.run(nil, "", "cobox", "space", "create", "documents", folder)
	s.run(nil, "", "cobox", "pin", "documents", s.addr)
	s.run(nil, "", "cobox", "backup", "documents")

	l, err := boottest.NewLabel()
	if err != nil {
		t.Fatal(err)
	}
	thief := *s
	thief.dir = t.TempDir()
	if err := thief.tryRun(nil, l.Code.Text(), "coboxctl", "pair", "-addr", s.addr); err == nil {
		t.Error("somebody paired with a code")
	}
	if err := thief.tryRun(nil, "", "coboxctl", "pair", "-addr", s.addr, "-flashed", card.Flashed); err == nil || !strings.Contains(err.Error(), "is this box yours?") {
		t.Errorf("the card's name made the box somebody else's: %v", err)
	}

	s.cutPower()
	s.switchOn()
	s.awaitStatus()
	s.awaitPins()
	if st := s.status(); st.Authority.Role != "owner" || st.Seeder.Store.Blocks == 0 {
		t.Errorf("after the power cut: %+v", st)
	}
}
