// Package torture breaks boxes on purpose and looks whether their promises hold.
//
// Each seed makes a world: boxes, which are seeders with all their parts on disks
// that can be broken, and partners who write feeds and have the boxes keep them. The
// network between them is the bench's own, and so is the clock (testing/synctest):
// minutes pass in a moment, and a time-out costs nothing. Then things go wrong as the
// seed says, and after each crash and at the end these must hold:
//
//   - what a box has acknowledged with a receipt can be read from its disk, and is
//     what the writer wrote;
//   - no block is stored that is not its writer's;
//   - no partner has more than its quota;
//   - once all faults have ended, everything comes to all boxes by itself;
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
