// Package torture breaks boxes on purpose and looks whether their promises hold.
//
// Each seed makes a world: boxes, which are seeders with all their parts on disks
// that can be broken, partners who write feeds and have the boxes keep them, and
// mallory, a partner who says what he likes. The network between them is the bench's
// own, and so is the clock (testing/synctest): minutes pass in a moment, and a
// time-out costs nothing. Then things go wrong as the seed says:
//
//   - power is lost before any step of a store, or at any other time, and of what was
//     not synced some is lost and some is garbage;
//   - disks are full, read-only, slow, or change a bit;
//   - connections are cut, with or without a word, hosts are out of reach, and lines
//     slow; what goes over different streams arrives in any order;
//   - all is switched off, and on with a clock that went back to 2000, or ahead by a year;
//   - mallory writes more than he may, and two histories; he loses, repeats, swaps and
//     changes frames; asks for others' pins and blocks; comes without a grant, and as a
//     box that keeps the same feeds.
//
// Of the partners who use two boxes half sign a list of keepers, and half never do.
//
// After each crash and at the end these must hold:
//
//   - what a box has acknowledged with a receipt can be read from its disk, and is
//     what the writer wrote;
//   - no block is stored that is not its writer's;
//   - no partner has more than its quota;
//   - nobody reads, lists or unpins what is another's;
//   - once all faults have ended, everything comes to all boxes by itself, and where there is a
//     list of keepers to a box to which the partner's computer does not go;
//   - boxes of which no partner has told them never meet;
//   - no goroutine, open file or mapping is left.
//
// A failure prints its seed, and the command that runs it again:
//
//	go test ./hack/rig/torture -run TestTorture -seed 7
//
// What a seed decides is what happens, when, and what is left of a disk. Not decided
// by it is the order in which goroutines run that could all run, and the nonces and
// keys that the product draws: a failure that hangs on these may take several runs of
// its seed to come again.
package torture
