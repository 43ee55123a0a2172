package store

import (
	"errors"
	"slices"

	"cobox/seeder/feed"
)

// Tree nodes and bits are kept in layers, one for each fork that was followed: a
// page that is not in the newest layer is inherited from the one before, less
// what was truncated since. When blocks of truncations are gone, their layers
// are joined, so that a writer who truncates for years does not leave a long
// list to look through.

// joinLayers takes truncations off the record that are gone. f.writing is held.
func (f *Feed) joinLayers() error {
	f.dropEmptyLayers()
	for {
		f.mu.Lock()
		rec := *f.rec
		f.mu.Unlock()
		if len(rec.retired) < 2 || rec.retired[0].stage != gone || rec.retired[1].stage != gone {
			return f.commitNow()
		}
		if err := f.join(&rec.retired[0], &rec.retired[1]); err != nil {
			return err
		}
		f.mu.Lock()
		joined := rec.retired[1]
		joined.layer = rec.retired[0].layer
		f.rec.retired = append([]retired{joined}, rec.retired[2:]...)
		f.rec.litter = append(slices.Clip(f.rec.litter), rec.retired[1].layer)
		f.changed = true
		f.mu.Unlock()
		if err := f.commitNow(); err != nil {
			return err
		}
		if err := f.dropLitter(); err != nil {
			return err
		}
	}
}

// dropEmptyLayers takes those off that nothing is inherited from any more.
func (f *Feed) dropEmptyLayers() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.rec.retired) - 1; i >= 0; i-- {
		if o := &f.rec.retired[i]; o.stage == gone && o.common == 0 {
			f.rec.retired = slices.Clone(f.rec.retired[i+1:])
			f.changed = true
			return
		}
	}
}

// join copies the pages of a layer into the older one that it covers. Until the
// record says that there is only the older one, readers see the same in both.
func (f *Feed) join(older, younger *retired) error {
	if err := f.cutLayer(older.layer, older.common); err != nil {
		return err
	}
	for _, kind := range []byte{keyNodes, keyBits} {
		to := layerKey(kind, f.dk, older.layer)
		err := f.s.index.rewrite(layerKey(kind, f.dk, younger.layer), indexFree, func(rest, value []byte) (entry, bool) {
			return entry{slices.Concat(to, rest), append([]byte{}, value...)}, true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cutLayer takes everything beyond the first length blocks out of the pages of a
// layer that lie across that border.
func (f *Feed) cutLayer(layer, length uint64) error {
	for level := range uint8(maxLevel + 1) {
		id, _ := place(nodeAt(level, length))
		key := nodesKey(f.dk, layer, id)
		data, err := f.s.index.get(key)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		p, err := parsePage(id, data)
		if err != nil {
			return err
		}
		p.cut(length)
		if err := f.s.index.write(indexFree, entry{key, p.appendTo(nil)}); err != nil {
			return err
		}
	}
	number := length / feed.PageBits
	key := bitsKey(f.dk, layer, number)
	data, err := f.s.index.get(key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := length % feed.PageBits; i < uint64(len(data))*8; i++ {
		data[i/8] &^= 1 << (i % 8)
	}
	return f.s.index.write(indexFree, entry{key, trimZeros(data)})
}

// nodeAt returns the lowest tree node of a level above block i.
func nodeAt(level uint8, i uint64) uint64 {
	depth := uint(level) * pageDepth
	return i>>depth<<(depth+1) + 1<<depth - 1
}

// dropLitter deletes the layers that nobody looks at any more. f.writing is held.
func (f *Feed) dropLitter() error {
	f.mu.Lock()
	litter := f.rec.litter
	f.mu.Unlock()
	if len(litter) == 0 {
		return nil
	}
	for _, layer := range litter {
		for _, kind := range []byte{keyNodes, keyBits} {
			if err := f.s.index.deleteKeys(layerKey(kind, f.dk, layer), nil); err != nil {
				return err
			}
		}
	}
	f.mu.Lock()
	f.rec.litter = nil
	f.changed = true
	f.mu.Unlock()
	return f.commitNow()
}
