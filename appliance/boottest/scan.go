package boottest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Scan tries all of the guest's TCP ports from outside, and returns those at which
// something listens.
//
// QEMU passes connections on from ports of this computer: it accepts them itself, and
// hangs up when the guest refuses. What stays open for a while is tried again, with
// more patience.
func (g *Guest) Scan(ctx context.Context) (open []int, err error) {
	m, err := openMonitor(g.monitor)
	if err != nil {
		return nil, fmt.Errorf("scanning the guest: %w", err)
	}
	defer func() { err = errors.Join(err, m.close()) }()
	for first := 1; first <= maxPort && ctx.Err() == nil; first += atOnce {
		last := min(first+atOnce-1, maxPort)
		suspects, err := scanRange(ctx, m, first, last, scanPatience)
		if err != nil {
			return nil, fmt.Errorf("scanning the guest's ports %d to %d: %w", first, last, err)
		}
		for _, port := range suspects {
			again, err := scanRange(ctx, m, port, port, 5*scanPatience)
			if err != nil {
				return nil, fmt.Errorf("scanning the guest's port %d: %w", port, err)
			}
			open = append(open, again...)
		}
	}
	return open, ctx.Err()
}

const (
	maxPort = 65535
	// atOnce is how many ports are tried at one time: what QEMU passes on is bounded.
	atOnce = 200
	// scanPatience is how long a guest under emulation may take to refuse a connection.
	scanPatience = 2 * time.Second
	scanHost     = "127.0.0.1"
)

// scanRange returns the ports at which connections stay open.
func scanRange(ctx context.Context, m *monitor, first, last int, patience time.Duration) (open []int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for port := first; port <= last; port++ {
		free, err := freePort("tcp")
		if err != nil {
			return nil, err
		}
		rule := fmt.Sprintf("tcp:%s:%d", scanHost, free)
		if err := m.human(fmt.Sprintf("hostfwd_add n0 %s-:%d", rule, port)); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, m.human("hostfwd_remove n0 "+rule)) }()
		wg.Go(func() {
			if stays(ctx, free, patience) {
				mu.Lock()
				defer mu.Unlock()
				open = append(open, port)
			}
		})
	}
	wg.Wait()
	slices.Sort(open)
	return open, nil
}

// stays reports whether a connection is kept for a time, or spoken on.
func stays(ctx context.Context, port int, patience time.Duration) bool {
	d := net.Dialer{Timeout: patience}
	c, err := d.DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", scanHost, port))
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, err := c.Read(make([]byte, 1))
	var timeout net.Error
	return n > 0 || errors.As(err, &timeout) && timeout.Timeout()
}
