package wire_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// vectors lets the same tests run on other files of the same form.
var vectors = flag.String("vectors", "testdata", "folder with the test vectors")

// load reads a vector file into v.
func load(t testing.TB, name string, v any) {
	t.Helper()
	loadFrom(t, *vectors, name, v)
}

func loadFrom(t testing.TB, dir, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// hexBytes is bytes in hex; nil for null and for none.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil || text == nil || *text == "" {
		return err
	}
	raw, err := hex.DecodeString(*text)
	*h = raw
	return err
}

// A vectorHandshake is a handshake as the vectors have it.
type vectorHandshake struct {
	Seeks      bool
	Capability hexBytes
}

func (v vectorHandshake) handshake() wire.Handshake {
	return wire.Handshake{Seeks: v.Seeks, Capability: feed.Hash(v.Capability)}
}

// A vectorNode is a tree node as the vectors have it.
type vectorNode struct {
	Index, Size uint64
	Hash        hexBytes
}

func nodesOf(in []vectorNode) []feed.Node {
	var out []feed.Node
	for _, n := range in {
		out = append(out, feed.Node{Index: n.Index, Size: n.Size, Hash: feed.Hash(n.Hash)})
	}
	return out
}

// A vectorManifest is a manifest as the vectors have it.
type vectorManifest struct {
	Version    uint64
	AllowPatch bool
	Quorum     uint64
	Signers    []struct{ Namespace, PublicKey hexBytes }
}

func (v *vectorManifest) manifest() *feed.Manifest {
	if v == nil {
		return nil
	}
	m := &feed.Manifest{Version: v.Version, AllowPatch: v.AllowPatch, Quorum: v.Quorum}
	for _, s := range v.Signers {
		m.Signers = append(m.Signers, feed.Signer{Namespace: feed.Hash(s.Namespace), Public: [32]byte(s.PublicKey)})
	}
	return m
}

// A vectorData is a Data message as the vectors have it.
type vectorData struct {
	Request, Fork uint64
	Block         *struct {
		Index uint64
		Value hexBytes
		Nodes []vectorNode
	}
	Hash *struct {
		Index uint64
		Nodes []vectorNode
	}
	Seek *struct {
		Bytes uint64
		Nodes []vectorNode
	}
	Upgrade *struct {
		Start, Length   uint64
		Nodes           []vectorNode
		AdditionalNodes []vectorNode
		Signature       hexBytes
	}
	Manifest *vectorManifest
}

func (v *vectorData) message() *wire.Data {
	m := &wire.Data{ID: v.Request}
	m.Fork = v.Fork
	if p := v.Block; p != nil {
		m.Block = &feed.BlockProof{Index: p.Index, Value: p.Value, Nodes: nodesOf(p.Nodes)}
	}
	if p := v.Hash; p != nil {
		m.Hash = &feed.HashProof{Index: p.Index, Nodes: nodesOf(p.Nodes)}
	}
	if p := v.Seek; p != nil {
		m.Seek = &feed.SeekProof{Bytes: p.Bytes, Nodes: nodesOf(p.Nodes)}
	}
	if p := v.Upgrade; p != nil {
		m.Upgrade = &feed.UpgradeProof{Start: p.Start, Length: p.Length,
			Nodes: nodesOf(p.Nodes), Additional: nodesOf(p.AdditionalNodes), Signature: p.Signature}
	}
	m.Manifest = v.Manifest.manifest()
	return m
}

// A vectorRequest is a Request as the vectors have it.
type vectorRequest struct {
	ID, Fork    uint64
	Block, Hash *struct{ Index, Nodes uint64 }
	Seek        *struct{ Bytes, Padding uint64 }
	Upgrade     *struct{ Start, Length uint64 }
	Manifest    bool
	Priority    uint64
}

func (v *vectorRequest) message() *wire.Request {
	m := &wire.Request{ID: v.ID, Fork: v.Fork, Priority: v.Priority}
	m.Block = (*feed.BlockRequest)(v.Block)
	m.Hash = (*feed.HashRequest)(v.Hash)
	m.Seek = (*feed.SeekRequest)(v.Seek)
	m.Upgrade = (*feed.UpgradeRequest)(v.Upgrade)
	m.Manifest = v.Manifest
	return m
}

// messageOf makes the message that a vector describes.
func messageOf(t *testing.T, kind string, value json.RawMessage) wire.Message {
	t.Helper()
	read := func(v any) {
		t.Helper()
		if err := json.Unmarshal(value, v); err != nil {
			t.Fatalf("%s %s: %v", kind, value, err)
		}
	}
	switch kind {
	case "sync":
		var m wire.Sync
		read(&m)
		return &m
	case "request":
		var v vectorRequest
		read(&v)
		return v.message()
	case "cancel":
		var v struct{ Request uint64 }
		read(&v)
		return &wire.Cancel{ID: v.Request}
	case "data":
		var v vectorData
		read(&v)
		return v.message()
	case "noData":
		var v struct{ Request, Reason uint64 }
		read(&v)
		return &wire.NoData{ID: v.Request, Reason: v.Reason}
	case "want":
		var m wire.Want
		read(&m)
		return &m
	case "unwant":
		var m wire.Unwant
		read(&m)
		return &m
	case "bitfield":
		var v struct {
			Start    uint64
			Bitfield []uint32
		}
		read(&v)
		return &wire.Bitfield{Start: v.Start, Words: v.Bitfield}
	case "range":
		var m wire.Range
		read(&m)
		return &m
	case "extension":
		var v struct {
			Name    string
			Message hexBytes
		}
		read(&v)
		return &wire.Extension{Name: v.Name, Body: v.Message}
	}
	t.Fatalf("a vector of an unknown message %q", kind)
	return nil
}
