package chain

// withRoom does what f does, and again with a piece less in reserve when the
// disk is full, until the reserve is used up.
func (l *Log) withRoom(f func() error) error {
	for {
		err := f()
		if !isFull(err) {
			return err
		}
		left, failed := l.disk.Reserved()
		if failed != nil || left == 0 {
			return err
		}
		if failed := l.disk.SetReserved(max(0, left-reservePiece)); failed != nil {
			return err
		}
	}
}

// refill takes the reserve again, as far as there is room. That there is none
// is no error: the next append tries again, and so does whoever calls Refill.
func (l *Log) refill() {
	if held, err := l.disk.Reserved(); err == nil && held >= Reserve {
		return
	}
	_ = l.disk.SetReserved(Reserve)
}

// Refill takes the log's reserve of disk space again after some of it was used,
// and returns how much it holds; [Reserve] is all. Call it now and then.
func (l *Log) Refill() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill()
	held, err := l.disk.Reserved()
	if err != nil {
		return 0
	}
	return held
}
