package main

import (
	"crypto/sha256"
	"time"
)

// What the loop works on: hashes, and memory that is in no cache.
var (
	hashed = make([]byte, 256<<10)
	copied [2][8 << 20]byte
)

// loops is how many loops one calibration runs; each is shorter than the time that a busy
// machine leaves a program at a stretch.
const loops = 200

// calibrate returns how many nanoseconds a loop takes now, at best.
func calibrate() float64 {
	best := time.Duration(1<<63 - 1)
	for i := range loops {
		began := time.Now()
		sum := sha256.Sum256(hashed)
		hashed[i] ^= sum[0] // so that it is not left out
		at := i * (64 << 10) % len(copied[0])
		copy(copied[0][at:at+64<<10], copied[1][at:])
		x := uint32(i)
		for range 20_000 {
			x = x*1664525 + 1013904223
			copied[1][x%(8<<20)]++
		}
		best = min(best, time.Since(began))
	}
	return float64(best)
}
