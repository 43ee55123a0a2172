package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"cobox/seeder/client"
	"cobox/seeder/durable"
)

// ownersFile holds, for each box that has answered, which ownership it was in.
const ownersFile = "owners.json"

// An owners remembers the ownerships of boxes, to tell when one has changed hands:
// the operator who promised to keep the data is then another.
type owners struct {
	path string

	mu     sync.Mutex
	epochs map[string]uint64 // by box ID; mu
}

// readOwners reads what was remembered. A file that cannot be read is none: it is
// a help, and no proof of anything.
func (h *home) readOwners() *owners {
	o := &owners{path: filepath.Join(h.dir, ownersFile), epochs: make(map[string]uint64)}
	text, err := os.ReadFile(o.path)
	if err == nil {
		err = json.Unmarshal(text, &o.epochs)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "cobox: warning: whether boxes have changed hands is not known: %v\n", err)
	}
	return o
}

// met notes the ownership of a box that has welcomed us, and warns when it is
// another than before.
func (o *owners) met(b *client.Box) {
	now := b.Welcome.Epoch
	if now == 0 {
		return // a box without an authority, which nobody can take over
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.epochs[b.ID()]
	if before >= now {
		return
	}
	o.epochs[b.ID()] = now
	text, err := json.Marshal(o.epochs)
	if err == nil {
		err = durable.WriteFile(o.path, text, 0o600)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cobox: warning: remembering box %s: %v\n", b.ID(), err)
	}
	if before > 0 {
		fmt.Fprintf(os.Stderr, "cobox: warning: box %s has changed hands: it has another owner than when you used it last. "+
			"What it keeps stays unreadable to it; ask who looks after it now, and whether your room goes on\n", b.ID())
	}
}
