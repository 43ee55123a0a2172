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
	if n <= smallestBuffer/4 {
		return make([]byte, n) // many of them may be under way, and only their bytes are counted
	}
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

// inFrame returns a value that is a part of a frame, near its beginning, as one that goes on to
// the end of the frame's buffer, so that putBuffer knows it.
func inFrame(frame, value []byte) []byte {
	const front = 256 // what comes before the block in a message
	for i := range min(front, len(frame)) {
		if len(value) > 0 && &frame[i] == &value[0] {
			return frame[i : i+len(value)]
		}
	}
	return value
}

// Release takes the value of a block back that a feed has retained ([Options.Keeps]) and
// nobody uses any more.
func Release(value []byte) { putBuffer(value) }
