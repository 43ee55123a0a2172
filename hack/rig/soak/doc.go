// Package soak runs two real boxes for hours under all that people do to them at once:
//
//	make soak            # two hours
//	make soak SOAK=25m   # shorter
//
// Partners write, back up, read back and compare, audit, unpin, and begin anew; half of them
// have told the boxes of each other. Mallory changes frames, writes more than he may, asks
// for what is others', says nothing on streams that he opens, and comes as a stranger. One
// box is killed with SIGKILL every minute, and started again; the other one, which has the
// same work, lives through all of it.
//
// After each kill, and at the end, everything that a box has given a receipt for must be on
// its disk, as the writer wrote it. And nothing may grow that has no reason to: memory, open
// files and goroutines of the box that lives, what both take on the disk beyond the blocks
// they keep, and the same of the partners' side. [TestSoak] prints the figures, quarter by
// quarter, and compares the second with the last: in the first all is still filling up.
package soak
