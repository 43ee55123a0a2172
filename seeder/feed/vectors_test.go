package feed_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/feed"
)

// vectors lets the same tests run on other files of the same form.
var vectors = flag.String("vectors", "testdata", "folder with the test vectors")

// load reads a vector file into v.
func load(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(*vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// hexBytes is bytes in hex; null for none.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil || text == nil {
		return err
	}
	raw, err := hex.DecodeString(*text)
	*h = raw
	return err
}

func (h hexBytes) b32() [32]byte { return [32]byte(h) }

// A vectorNode is a tree node as the vectors have it.
type vectorNode struct {
	Index, Size uint64
	Hash        hexBytes
}

func (n vectorNode) node() feed.Node {
	return feed.Node{Index: n.Index, Size: n.Size, Hash: n.Hash.b32()}
}

func nodesOf(in []vectorNode) []feed.Node {
	var out []feed.Node
	for _, n := range in {
		out = append(out, n.node())
	}
	return out
}

// A vectorManifest is a manifest as the vectors have it.
type vectorManifest struct {
	Version    uint64
	AllowPatch bool
	Quorum     uint64
	Signers    []struct{ Namespace, PublicKey hexBytes }
	Prologue   *struct {
		Hash   hexBytes
		Length uint64
	}
	Linked   []hexBytes
	UserData hexBytes
}

func (v *vectorManifest) manifest() *feed.Manifest {
	m := &feed.Manifest{Version: v.Version, AllowPatch: v.AllowPatch, Quorum: v.Quorum, UserData: v.UserData}
	for _, s := range v.Signers {
		m.Signers = append(m.Signers, feed.Signer{Namespace: s.Namespace.b32(), Public: s.PublicKey.b32()})
	}
	if v.Prologue != nil {
		m.Prologue = &feed.Prologue{Hash: v.Prologue.Hash.b32(), Length: v.Prologue.Length}
	}
	for _, key := range v.Linked {
		m.Linked = append(m.Linked, key.b32())
	}
	return m
}
