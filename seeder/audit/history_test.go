package audit_test

import (
	"bytes"
	"testing"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
)

// Two boxes that were given different histories are found out by the last block of
// the shorter one, wherever the histories part; boxes that are behind are not.
func TestCompare(t *testing.T) {
	const most = 9
	for short := 1; short <= most; short++ {
		for long := short; long <= most; long++ {
			for from := range long + 1 {
				a, b := newKept(t, 4, short, 16), newStory(t, 4, long, 16, from, 1)
				key := a.key()
				draws := audit.Ends(key, []uint64{0, uint64(long), uint64(short)})
				if short == long {
					draws = []audit.Draw{{Feed: key}} // any block
				}
				c := &audit.Challenge{Draws: draws}
				ra, rb := ask(t, c, audit.Known{}, a), ask(t, c, audit.Known{}, b)
				forks, newest := audit.Compare(nil, []*audit.Report{ra, rb})
				want := from < short
				if want != (len(forks) == 1) {
					t.Fatalf("%d and %d blocks, different from %d on: %d forks", short, long, from, len(forks))
				}
				if want {
					if _, err := feed.CheckFork(key, forks[0].HaveProof, forks[0].GotProof); err != nil {
						t.Fatalf("%d and %d blocks, different from %d on: CheckFork = %v", short, long, from, err)
					}
				} else if newest[key].Length != uint64(long) || newest[key].Proof == nil {
					t.Fatalf("the newest head is %+v, want that of %d blocks", newest[key], long)
				}

				// The same later, with one box, and the head that was seen before.
				_, before := audit.Compare(nil, []*audit.Report{ra})
				forks, _ = audit.Compare(before, []*audit.Report{rb})
				if want != (len(forks) == 1) {
					t.Fatalf("%d blocks before, and %d now, different from %d on: %d forks", short, long, from, len(forks))
				}
			}
		}
	}
}

// A truncation is the writer's right, and digests prove no head.
func TestCompareLeavesInPeace(t *testing.T) {
	a, b := newKept(t, 4, 5, 16), newStory(t, 4, 5, 16, 2, 1)
	b.state.Head.Fork++
	sign(t, b, 4)
	c := &audit.Challenge{Draws: all(a)}
	forks, newest := audit.Compare(nil, []*audit.Report{ask(t, c, audit.Known{}, a), ask(t, c, audit.Known{}, b)})
	if len(forks) > 0 || newest[a.key()].Fork != 1 {
		t.Errorf("after a truncation: forks %v, the newest head is %+v", forks, newest[a.key()])
	}
	c.Digests = true
	known := audit.Known{Block: func(d audit.Draw) ([]byte, error) { return a.blocks[d.Block], nil }}
	r, err := audit.Check(bytes.NewReader(answer(t, c, boxPrivate, a)), c, box, known)
	if err != nil {
		t.Fatal(err)
	}
	if forks, newest := audit.Compare(nil, []*audit.Report{r}); len(forks)+len(newest) > 0 {
		t.Errorf("of digests: forks %v, heads %v", forks, newest)
	}
}
