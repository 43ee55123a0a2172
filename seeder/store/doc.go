// Package store keeps feeds on a disk. Badger holds what is small and must
// change together: heads with signatures, tree nodes, bitfields, pins. The bytes
// of blocks lie in plain files, at their place in the feed's byte order.
// STORE.md beside this file describes the layout, and what a crash leaves.
//
// What is put is in three steps: block bytes are written to the file at once,
// their nodes and bits stay in memory; a committer, one for the whole store,
// syncs the files, then writes the index in a synced transaction, and only then
// shows the change as durable. So a crash at any point leaves a store that opens
// with everything that was shown as durable, and bytes beyond it that nobody
// looks at.
//
// The store trusts what it is given: only batches that package feed verified may
// be put. All methods may be called from several goroutines.
package store
