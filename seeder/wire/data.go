package wire

import (
	"slices"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// Request asks for parts of a feed.
type Request struct {
	ID, Fork uint64
	feed.Request
	Priority uint64 // above 0: answer it before others
}

const (
	hasBlock    = 1
	hasHash     = 2
	hasSeek     = 4
	hasUpgrade  = 8
	hasManifest = 16
	hasPriority = 32
)

// Type implements [Message].
func (*Request) Type() uint64 { return typeRequest }

// Append implements [Message].
func (m *Request) Append(b []byte) []byte {
	b = append(b, flag(m.Block != nil, hasBlock)|flag(m.Hash != nil, hasHash)|flag(m.Seek != nil, hasSeek)|
		flag(m.Upgrade != nil, hasUpgrade)|flag(m.Manifest, hasManifest)|flag(m.Priority != 0, hasPriority))
	b = compact.AppendUint(b, m.ID)
	b = compact.AppendUint(b, m.Fork)
	if r := m.Block; r != nil {
		b = compact.AppendUint(compact.AppendUint(b, r.Index), r.Nodes)
	}
	if r := m.Hash; r != nil {
		b = compact.AppendUint(compact.AppendUint(b, r.Index), r.Nodes)
	}
	if r := m.Seek; r != nil {
		b = compact.AppendUint(compact.AppendUint(b, r.Bytes), r.Padding)
	}
	if r := m.Upgrade; r != nil {
		b = compact.AppendUint(compact.AppendUint(b, r.Start), r.Length)
	}
	if m.Priority != 0 {
		b = compact.AppendUint(b, m.Priority)
	}
	return b
}

func parseRequest(d *compact.Decoder) *Request {
	f := d.Uint()
	m := &Request{ID: d.Uint(), Fork: d.Uint()}
	if f&hasBlock != 0 {
		m.Block = &feed.BlockRequest{Index: d.Uint(), Nodes: d.Uint()}
	}
	if f&hasHash != 0 {
		m.Hash = &feed.HashRequest{Index: d.Uint(), Nodes: d.Uint()}
	}
	if f&hasSeek != 0 {
		m.Seek = &feed.SeekRequest{Bytes: d.Uint(), Padding: d.Uint()}
	}
	if f&hasUpgrade != 0 {
		m.Upgrade = &feed.UpgradeRequest{Start: d.Uint(), Length: d.Uint()}
	}
	m.Manifest = f&hasManifest != 0
	if f&hasPriority != 0 {
		m.Priority = d.Uint()
	}
	return m
}

// Data answers a request with a proof.
type Data struct {
	ID uint64
	feed.Proof
}

// Type implements [Message].
func (*Data) Type() uint64 { return typeData }

// Append implements [Message].
func (m *Data) Append(b []byte) []byte {
	b = m.appendHead(b)
	if m.Block != nil {
		b = append(b, m.Block.Value...)
	}
	return m.appendTail(b)
}

// AppendParts appends to b what stands before the block's value, and returns the
// value and what follows it apart, so that a large block need not be copied:
// head, value and tail after each other are what Append returns. Value is the
// block's own slice, nil without a block; head and tail share b's array.
func (m *Data) AppendParts(b []byte) (head, value, tail []byte) {
	b = m.appendHead(slices.Grow(b, m.sizeWithoutValue()))
	at := len(b)
	b = m.appendTail(b)
	if m.Block != nil {
		value = m.Block.Value
	}
	return b[:at:at], value, b[at:]
}

// appendHead appends what stands before the block's value.
func (m *Data) appendHead(b []byte) []byte {
	b = append(b, flag(m.Block != nil, hasBlock)|flag(m.Hash != nil, hasHash)|flag(m.Seek != nil, hasSeek)|
		flag(m.Upgrade != nil, hasUpgrade)|flag(m.Manifest != nil, hasManifest))
	b = compact.AppendUint(compact.AppendUint(b, m.ID), m.Fork)
	if p := m.Block; p != nil {
		b = compact.AppendUint(compact.AppendUint(b, p.Index), uint64(len(p.Value)))
	}
	return b
}

// appendTail appends what follows the block's value.
func (m *Data) appendTail(b []byte) []byte {
	if p := m.Block; p != nil {
		b = appendNodes(b, p.Nodes)
	}
	if p := m.Hash; p != nil {
		b = appendNodes(compact.AppendUint(b, p.Index), p.Nodes)
	}
	if p := m.Seek; p != nil {
		b = appendNodes(compact.AppendUint(b, p.Bytes), p.Nodes)
	}
	if p := m.Upgrade; p != nil {
		b = compact.AppendUint(compact.AppendUint(b, p.Start), p.Length)
		b = appendNodes(appendNodes(b, p.Nodes), p.Additional)
		b = compact.AppendBuffer(b, p.Signature)
	}
	if m.Manifest != nil {
		b = m.Manifest.Append(b)
	}
	return b
}

// sizeWithoutValue returns about how many bytes the message takes besides the
// block's value; the manifest is left out.
func (m *Data) sizeWithoutValue() int {
	const number, node = 9, 50 // at most
	n := 12 * number
	if m.Block != nil {
		n += node * len(m.Block.Nodes)
	}
	if m.Hash != nil {
		n += node * len(m.Hash.Nodes)
	}
	if m.Seek != nil {
		n += node * len(m.Seek.Nodes)
	}
	if m.Upgrade != nil {
		n += node*(len(m.Upgrade.Nodes)+len(m.Upgrade.Additional)) + len(m.Upgrade.Signature)
	}
	return n
}

func appendNodes(b []byte, nodes []feed.Node) []byte {
	b = compact.AppendUint(b, uint64(len(nodes)))
	for i := range nodes {
		b = compact.AppendUint(compact.AppendUint(b, nodes[i].Index), nodes[i].Size)
		b = append(b, nodes[i].Hash[:]...)
	}
	return b
}

// minNode is the least that a node takes, in bytes.
const minNode = 34

func parseNodes(d *compact.Decoder) []feed.Node {
	n := d.Count(minNode)
	if n > maxNodes {
		d.Fail(compact.ErrRange)
		return nil
	}
	if n == 0 {
		return nil
	}
	nodes := make([]feed.Node, n)
	for i := range nodes {
		nodes[i] = feed.Node{Index: d.Uint(), Size: d.Uint(), Hash: d.Fixed32()}
	}
	return nodes
}

func parseData(d *compact.Decoder) *Data {
	f := d.Uint()
	m := &Data{ID: d.Uint()}
	m.Fork = d.Uint()
	if f&hasBlock != 0 {
		m.Block = &feed.BlockProof{Index: d.Uint(), Value: d.Buffer(), Nodes: parseNodes(d)}
	}
	if f&hasHash != 0 {
		m.Hash = &feed.HashProof{Index: d.Uint(), Nodes: parseNodes(d)}
	}
	if f&hasSeek != 0 {
		m.Seek = &feed.SeekProof{Bytes: d.Uint(), Nodes: parseNodes(d)}
	}
	if f&hasUpgrade != 0 {
		m.Upgrade = &feed.UpgradeProof{Start: d.Uint(), Length: d.Uint(), Nodes: parseNodes(d), Additional: parseNodes(d), Signature: d.Buffer()}
		if len(m.Upgrade.Signature) > MaxSignature {
			d.Fail(compact.ErrRange)
		}
	}
	if f&hasManifest != 0 {
		m.Manifest = feed.DecodeManifest(d)
	}
	return m
}
