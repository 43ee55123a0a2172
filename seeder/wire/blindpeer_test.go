package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// TestCores holds the blind-peer message against the vectors.
func TestCores(t *testing.T) {
	var v struct {
		BlindPeer []struct {
			Message string
			Value   struct {
				Referrer hexBytes
				Priority uint64
				Announce bool
				Cores    []struct {
					Key    hexBytes
					Length uint64
				}
			}
			Encoded hexBytes
		}
	}
	load(t, "06-wire.json", &v)
	n := 0
	for _, x := range v.BlindPeer {
		if !strings.HasPrefix(x.Message, "blind-peer/cores") {
			continue
		}
		n++
		want := &wire.Cores{Priority: x.Value.Priority, Announce: x.Value.Announce}
		if x.Value.Referrer != nil {
			key := feed.Key(x.Value.Referrer)
			want.Referrer = &key
		}
		for _, c := range x.Value.Cores {
			want.Cores = append(want.Cores, wire.Core{Key: feed.Key(c.Key), Length: c.Length})
		}
		if got := want.Append(nil); !bytes.Equal(got, x.Encoded) {
			t.Errorf("Append = %x, want %x", got, x.Encoded)
		}
		got, err := wire.ParseCores(x.Encoded)
		if err != nil || !bytes.Equal(got.Append(nil), x.Encoded) {
			t.Errorf("ParseCores(%x) = %+v, %v", x.Encoded, got, err)
		}
		for i := range x.Encoded {
			if _, err := wire.ParseCores(x.Encoded[:i]); err == nil {
				t.Errorf("ParseCores took %d of %d bytes", i, len(x.Encoded))
			}
		}
	}
	if n < 2 {
		t.Fatal("vectors are missing")
	}
	if _, err := wire.ParseCores([]byte{0, 0xfe, 0xff, 0xff, 0xff, 0x7f}); err == nil {
		t.Error("ParseCores took a count of two thousand million cores")
	}
}

func FuzzCores(f *testing.F) {
	f.Add((&wire.Cores{Referrer: &feed.Key{1}, Priority: 1, Cores: []wire.Core{{Key: feed.Key{2}, Length: 3}}}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.ParseCores(b)
		if err != nil {
			return
		}
		again, err := wire.ParseCores(m.Append(nil))
		if err != nil || !bytes.Equal(again.Append(nil), m.Append(nil)) {
			t.Errorf("%+v is %+v when it is read again, %v", m, again, err)
		}
	})
}

// TestText describes one message of each kind, and none with what is secret or long.
func TestText(t *testing.T) {
	secret := []byte("the contents of a block")
	for m, want := range map[wire.Message]string{
		&wire.Sync{Fork: 1, Length: 2, RemoteLength: 3, CanUpgrade: true, HasManifest: true}:                                                                                                                           "Sync fork 1 length 2 remote length 3, can upgrade, has manifest",
		&wire.Request{ID: 4, Request: feed.Request{Block: &feed.BlockRequest{Index: 5, Nodes: 6}, Seek: &feed.SeekRequest{Bytes: 7}, Upgrade: &feed.UpgradeRequest{Start: 8, Length: 9}, Manifest: true}, Priority: 1}: "Request 4 fork 0, block 5 with 6 nodes, seek to byte 7, upgrade 8+9, manifest, priority 1",
		&wire.Data{ID: 4, Proof: feed.Proof{Block: &feed.BlockProof{Index: 5, Value: secret}}}:                                                                                                                         "Data 4 fork 0, block 5 of 23 bytes with 0 nodes",
		&wire.NoData{ID: 4, Reason: wire.NotAvailable}:                                                                                                                                                                 "NoData 4 reason 1",
		&wire.Cancel{ID: 4}:                                 "Cancel 4",
		&wire.Want{Start: 1, Length: 2, Any: true}:          "Want 1+2, any",
		&wire.Bitfield{Start: 32, Words: make([]uint32, 3)}: "Bitfield from 32, 3 words",
		&wire.Range{Start: 1, Length: 2, Drop: true}:        "Range 1+2, drop",
		&wire.Extension{Name: "local/x\n", Body: secret}:    `Extension "local/x\n", 23 bytes`,
	} {
		if got := wire.Text(m); got != want {
			t.Errorf("Text(%T) = %q, want %q", m, got, want)
		}
	}
}
