package replicate

import "sync"

// Frames with blocks are read into buffers of a few sizes, which are used again: a block
// stays where its frame was read to until it is stored. So a connection without traffic
// holds none.
var buffers [6]sync.Pool // of *[]byte, with smallestBuffer bytes, twice as many, and so on

// smallestBuffer has room for a frame with a block of 64 KiB. Our own blocks have up to
// 1 MiB and their padding, which need 16 times that. Larger frames are rare, and not kept.
const smallestBuffer = 80 << 10

// getBuffer returns a slice of n bytes that nobody else has, with anything in it.
func getBuffer(n int) []byte {
	size := smallestBuffer
	for i := range buffers {
		if n <= size {
			if b, ok := buffers[i].Get().(*[]byte); ok {
				return (*b)[:n]
			}
			return make([]byte, n, size)
		}
		size *= 2
	}
	return make([]byte, n)
}

// putBuffer takes a slice back that getBuffer has returned, and that nobody uses any more.
func putBuffer(b []byte) {
	size := smallestBuffer
	for i := range buffers {
		if cap(b) == size {
			buffers[i].Put(&b)
			return
		}
		size *= 2
	}
}
