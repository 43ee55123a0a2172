package wire

import (
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
	head, value, tail := m.AppendParts(b)
	return append(append(head, value...), tail...)
}

// AppendParts appends what stands before the block's value to b, and returns
// the value and what follows it apart, so that a large block need not be copied.
// Head, value and tail after each other are the body. Without a block, value and
// tail are empty.
func (m *Data) AppendParts(b []byte) (head, value, tail []byte) {
	b = append(b, flag(m.Block != nil, hasBlock)|flag(m.Hash != nil, hasHash)|flag(m.Seek != nil, hasSeek)|
		flag(m.Upgrade != nil, hasUpgrade)|flag(m.Manifest != nil, hasManifest))
	b = compact.AppendUint(b, m.ID)
	b = compact.AppendUint(b, m.Fork)
	rest := b
	if p := m.Block; p != nil {
		b = compact.AppendUint(b, p.Index)
		head, value = compact.AppendUint(b, uint64(len(p.Value))), p.Value
		rest = appendNodes(nil, p.Nodes)
	}
	if p := m.Hash; p != nil {
		rest = appendNodes(compact.AppendUint(rest, p.Index), p.Nodes)
	}
	if p := m.Seek; p != nil {
		rest = appendNodes(compact.AppendUint(rest, p.Bytes), p.Nodes)
	}
	if p := m.Upgrade; p != nil {
		rest = compact.AppendUint(compact.AppendUint(rest, p.Start), p.Length)
		rest = appendNodes(appendNodes(rest, p.Nodes), p.Additional)
		rest = compact.AppendBuffer(rest, p.Signature)
	}
	if m.Manifest != nil {
		rest = m.Manifest.Append(rest)
	}
	if m.Block == nil {
		return rest, nil, nil
	}
	return head, value, rest
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
