package replicate

import "sync"

// Frames with blocks are read into buffers of a few sizes, which are used again: a block
// stays where its frame was read to until it is stored. So a connection without traffic
// holds none.
var buffers [6]sync.Pool // of *[]byte, for smallestBuffer bytes, twice as many, and so on

const (
	// smallestBuffer has room for a frame with a block of 64 KiB. Our own blocks have up to
	// 1 MiB and their padding, which need 16 times that. Larger frames are rare, and not kept.
	smallestBuffer = 80 << 10
	// bufferSlack is how much a buffer may lack: what comes back is the part of a frame that is
	// its block, without what was before it.
	bufferSlack = 8 << 10
)

// getBuffer returns a slice of n bytes that nobody else has, with anything in it.
func getBuffer(n int) []byte {
	size := smallestBuffer
	for i := range buffers {
		if n <= size-bufferSlack {
			if b, ok := buffers[i].Get().(*[]byte); ok {
				return (*b)[:n]
			}
			return make([]byte, n, size)
		}
		size *= 2
	}
	return make([]byte, n)
}

// putBuffer takes a slice back that nobody uses any more.
func putBuffer(b []byte) {
	size := smallestBuffer
	for i := range buffers {
		if size-bufferSlack <= cap(b) && cap(b) <= size {
			buffers[i].Put(&b)
			return
		}
		size *= 2
	}
}

// Release takes the value of a block back that a feed has retained ([Options.Keeps]) and
// nobody uses any more.
func Release(value []byte) { putBuffer(value) }
