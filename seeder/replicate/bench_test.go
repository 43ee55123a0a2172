package replicate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"cobox/seeder/replicate"
)

// BenchmarkSession brings a feed from one memory to another: what a session
// costs beside disk and network, hashing included.
func BenchmarkSession(b *testing.B) {
	for _, size := range []int{64 << 10, 100} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			w := newWriter(b, 1)
			for range b.N {
				w.append(b, block(int(w.tree.Length), size))
			}
			f := newMemFeed(w.Key())
			from, to := replicate.New(replicate.Config{}), replicate.New(replicate.Config{})
			from.Add(w, replicate.Options{Writer: true})
			to.Add(f, replicate.Options{Download: true})
			x, y := connect()
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			var once sync.Once
			f.Watch(func() {
				if f.Contiguous() == uint64(b.N) {
					once.Do(func() { close(done) })
				}
			})
			b.SetBytes(int64(size))
			b.ResetTimer()
			var wg sync.WaitGroup
			wg.Go(func() { _ = from.Serve(ctx, x, replicate.Peer{Open: true}) })
			wg.Go(func() { _ = to.Serve(ctx, y, replicate.Peer{}) })
			<-done
			b.StopTimer()
			cancel()
			wg.Wait()
		})
	}
}
