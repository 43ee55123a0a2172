package space

import (
	"context"
	"sync"
)

// A group runs goroutines that end together: the first error cancels the context of all.
type group struct {
	ctx    context.Context // of the goroutines; ends with the group
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

func newGroup(parent context.Context) *group {
	ctx, cancel := context.WithCancelCause(parent)
	return &group{ctx: ctx, cancel: cancel}
}

func (g *group) run(f func(ctx context.Context) error) {
	g.wg.Go(func() {
		if err := f(g.ctx); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel(err)
			})
		}
	})
}

// wait returns the first error once all goroutines have returned.
func (g *group) wait() error {
	g.wg.Wait()
	g.cancel(nil)
	return g.err
}
