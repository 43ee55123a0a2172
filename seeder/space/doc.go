// Package space keeps a partner's folder in feeds: it encrypts blocks, packs
// content-defined chunks into them, takes snapshots of a folder, restores and
// checks them. SPACE.md beside this file specifies the format.
//
// It has the keys that open content, and so it runs on the partner's computers
// only. It has no network, no terminal and no feed store: blocks go to a [Log]
// and come from [Blocks], which the caller implements.
//
// All that a [Secret] protects stays readable with it and the feed keys alone:
// the [Index] and the other local files are caches.
//
// What comes from a feed is checked before it is believed: a damaged or hostile
// block is an error that wraps [ErrDamaged], never a panic, and never a file
// outside the folder that is being restored.
package space
