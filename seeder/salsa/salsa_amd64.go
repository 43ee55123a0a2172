package salsa

import "golang.org/x/sys/cpu"

// width is how many blocks xorBlocks makes at once.
const width = 8

func available() bool { return cpu.X86.HasAVX2 }
