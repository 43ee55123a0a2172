package space

import (
	"errors"

	"cobox/seeder/compact"
)

// Tree objects are stored like chunks of files, in packs of their own. An object
// carries its own table of feeds, so that equal folders are equal bytes,
// whatever snapshot or device they belong to.
//
//	folder part   1 ‖ feed table ‖ count ‖ nodes in ascending order of names
//	list          2 ‖ feed table ‖ count ‖ items
//
// A folder is one part, or a list of parts (of items of kind list) when it is large.
const (
	objectDir  = 1
	objectList = 2

	// maxDirEntries and maxDirBytes bound a folder part. A node is at most
	// about 70 KiB (a long link), so that a part stays well below maxChunk.
	maxDirEntries = 4096
	maxDirBytes   = 256 << 10
)

// An object is a decoded tree object: either nodes or items.
type object struct {
	list  bool
	nodes []Node
	items []Item
}

func encodeDir(nodes []Node) []byte {
	var t feedTable
	body := compact.AppendUint(nil, uint64(len(nodes)))
	for i := range nodes {
		body = t.appendNode(body, &nodes[i])
	}
	return append(t.append([]byte{objectDir}), body...)
}

func encodeList(items []Item) []byte {
	var t feedTable
	body := t.appendItems(nil, items)
	return append(t.append([]byte{objectList}), body...)
}

// decodeObject reads a tree object. span is what the items of a list must add
// up to; a folder part has no span.
func decodeObject(b []byte, span uint64) (object, error) {
	d := compact.NewDecoder(b)
	var o object
	objectKind := d.Bytes(1)
	t := decodeFeedTable(d)
	if d.Err() == nil {
		switch objectKind[0] {
		case objectDir:
			o.nodes = t.decodeNodes(d)
		case objectList:
			o.list = true
			o.items = t.decodeItems(d, maxListItems, span)
		default:
			d.Fail(damaged("tree object of unknown kind %d", objectKind[0]))
		}
	}
	return o, finish(d, "tree object")
}

func (t *feedTable) decodeNodes(d *compact.Decoder) []Node {
	n := d.Uint()
	const minNode = 14 // name, type, mode, uid, gid, time
	if n == 0 || n > maxDirEntries || n*minNode > uint64(d.Len()) {
		d.Fail(damaged("folder part of %d entries", n))
		return nil
	}
	nodes := make([]Node, 0, min(n, 64))
	for range n {
		node := t.decodeNode(d, false)
		if d.Err() != nil {
			return nil
		}
		if len(nodes) > 0 && nodes[len(nodes)-1].Name >= node.Name {
			d.Fail(damaged("folder whose entries are not in order: %q, %q", nodes[len(nodes)-1].Name, node.Name))
			return nil
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// finish returns the decoder's error, or one for bytes that are left over.
func finish(d *compact.Decoder, what string) error {
	if err := d.Err(); err != nil {
		if errors.Is(err, ErrDamaged) {
			return err
		}
		return damaged("reading %s: %w", what, err)
	}
	if d.Len() > 0 {
		return damaged("reading %s: %d bytes too many", what, d.Len())
	}
	return nil
}
