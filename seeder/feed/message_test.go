package feed_test

import (
	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// The bodies of the Request and Data messages, as far as these tests need
// them: what travels, and so what a stranger can change.

const (
	flagBlock = 1 << iota
	flagHash
	flagSeek
	flagUpgrade
	flagManifest
)

func decodeRequest(b []byte) (id, fork uint64, req feed.Request, err error) {
	d := compact.NewDecoder(b)
	flags := d.Uint()
	id, fork = d.Uint(), d.Uint()
	if flags&flagBlock != 0 {
		req.Block = &feed.BlockRequest{Index: d.Uint(), Nodes: d.Uint()}
	}
	if flags&flagHash != 0 {
		req.Hash = &feed.HashRequest{Index: d.Uint(), Nodes: d.Uint()}
	}
	if flags&flagSeek != 0 {
		req.Seek = &feed.SeekRequest{Bytes: d.Uint(), Padding: d.Uint()}
	}
	if flags&flagUpgrade != 0 {
		req.Upgrade = &feed.UpgradeRequest{Start: d.Uint(), Length: d.Uint()}
	}
	req.Manifest = flags&flagManifest != 0
	return id, fork, req, d.Err()
}

func encodeData(id uint64, p *feed.Proof) []byte {
	var flags uint64
	if p.Block != nil {
		flags |= flagBlock
	}
	if p.Hash != nil {
		flags |= flagHash
	}
	if p.Seek != nil {
		flags |= flagSeek
	}
	if p.Upgrade != nil {
		flags |= flagUpgrade
	}
	if p.Manifest != nil {
		flags |= flagManifest
	}
	b := compact.AppendUint(nil, flags)
	b = compact.AppendUint(b, id)
	b = compact.AppendUint(b, p.Fork)
	if p.Block != nil {
		b = compact.AppendUint(b, p.Block.Index)
		b = compact.AppendBuffer(b, p.Block.Value)
		b = appendNodes(b, p.Block.Nodes)
	}
	if p.Hash != nil {
		b = compact.AppendUint(b, p.Hash.Index)
		b = appendNodes(b, p.Hash.Nodes)
	}
	if p.Seek != nil {
		b = compact.AppendUint(b, p.Seek.Bytes)
		b = appendNodes(b, p.Seek.Nodes)
	}
	if p.Upgrade != nil {
		b = compact.AppendUint(b, p.Upgrade.Start)
		b = compact.AppendUint(b, p.Upgrade.Length)
		b = appendNodes(b, p.Upgrade.Nodes)
		b = appendNodes(b, p.Upgrade.Additional)
		b = compact.AppendBuffer(b, p.Upgrade.Signature)
	}
	if p.Manifest != nil {
		b = p.Manifest.Append(b)
	}
	return b
}

func decodeData(b []byte) (id uint64, p *feed.Proof, err error) {
	d := compact.NewDecoder(b)
	p = new(feed.Proof)
	flags := d.Uint()
	id, p.Fork = d.Uint(), d.Uint()
	if flags&flagBlock != 0 {
		p.Block = &feed.BlockProof{Index: d.Uint(), Value: d.Buffer(), Nodes: decodeNodes(d)}
	}
	if flags&flagHash != 0 {
		p.Hash = &feed.HashProof{Index: d.Uint(), Nodes: decodeNodes(d)}
	}
	if flags&flagSeek != 0 {
		p.Seek = &feed.SeekProof{Bytes: d.Uint(), Nodes: decodeNodes(d)}
	}
	if flags&flagUpgrade != 0 {
		p.Upgrade = &feed.UpgradeProof{Start: d.Uint(), Length: d.Uint(),
			Nodes: decodeNodes(d), Additional: decodeNodes(d), Signature: d.Buffer()}
	}
	if flags&flagManifest != 0 {
		p.Manifest = feed.DecodeManifest(d)
	}
	return id, p, d.Err()
}

func appendNodes(b []byte, nodes []feed.Node) []byte {
	b = compact.AppendUint(b, uint64(len(nodes)))
	for _, n := range nodes {
		b = compact.AppendUint(b, n.Index)
		b = compact.AppendUint(b, n.Size)
		b = append(b, n.Hash[:]...)
	}
	return b
}

func decodeNodes(d *compact.Decoder) []feed.Node {
	nodes := make([]feed.Node, d.Count(34))
	for i := range nodes {
		nodes[i] = feed.Node{Index: d.Uint(), Size: d.Uint(), Hash: d.Fixed32()}
	}
	return nodes
}
