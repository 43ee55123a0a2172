package salsa

// width is how many blocks xorBlocks makes at once.
const width = 4

func available() bool { return true }
