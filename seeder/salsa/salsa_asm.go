//go:build amd64 || arm64

package salsa

// xorBlocks sets dst to src XOR the next n times width blocks of the keystream. words is
// the input of the core for the first.
//
//go:noescape
func xorBlocks(dst, src *byte, n int, words *[16]uint32)
