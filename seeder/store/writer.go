package store

import (
	"errors"
	"slices"
)

// A writer gathers entries into as few synced transactions as fit.
type writer struct {
	x       *index
	need    uint64
	entries []entry
	size    int
}

// entryOverhead is more than Badger adds to an entry in a transaction.
const entryOverhead = 32

// add adds entries that come in one transaction if they fit into one at all. If
// not, the first ones go ahead in their order, and the last ones come in one,
// unless even they are too many.
func (w *writer) add(first, last []entry) error {
	if !w.fits(sizeOf(first)+sizeOf(last), len(first)+len(last)) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.addEach(first); err != nil {
		return err
	}
	if !w.fits(sizeOf(last), len(last)) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	return w.addEach(last)
}

func (w *writer) addEach(entries []entry) error {
	for i := range entries {
		if !w.fits(sizeOf(entries[i:i+1]), 1) {
			if err := w.flush(); err != nil {
				return err
			}
		}
		w.put(entries[i])
	}
	return nil
}

func sizeOf(entries []entry) (n int) {
	for i := range entries {
		n += len(entries[i].key) + len(entries[i].value) + entryOverhead
	}
	return n
}

func (w *writer) fits(size, count int) bool {
	return w.size+size <= w.x.maxSize && len(w.entries)+count <= w.x.maxCount
}

func (w *writer) put(e entry) {
	w.entries = append(w.entries, e)
	w.size += sizeOf([]entry{e})
}

// flush writes what was added.
func (w *writer) flush() error {
	if len(w.entries) == 0 {
		return nil
	}
	err := w.x.write(w.need, w.entries...)
	w.entries, w.size = nil, 0
	return err
}

// rewrite goes over the keys with a prefix, and writes the entries that change
// returns for them, in transactions as they fill. It is no snapshot: nobody else
// may write these keys meanwhile.
func (x *index) rewrite(prefix []byte, need uint64, change func(rest, value []byte) (entry, bool)) error {
	enough := errors.New("enough")
	var from []byte
	for more := true; more; {
		more = false
		w := writer{x: x, need: need}
		err := x.each(prefix, from, func(key, value []byte) error {
			e, ok := change(key[len(prefix):], value)
			if !ok {
				return nil
			}
			if !w.fits(sizeOf([]entry{e}), 1) {
				from, more = slices.Clone(key), true
				return enough
			}
			w.put(e)
			return nil
		})
		if err != nil && !more {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
	}
	return nil
}

// deleteKeys deletes the keys with a prefix that match says to; nil for all.
func (x *index) deleteKeys(prefix []byte, match func(rest []byte) bool) error {
	return x.rewrite(prefix, deleteFree, func(rest, _ []byte) (entry, bool) {
		return entry{key: slices.Concat(prefix, rest)}, match == nil || match(rest)
	})
}
