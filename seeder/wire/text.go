package wire

import (
	"fmt"
	"strings"

	"cobox/seeder/feed"
)

// Text describes a [Message] by name for a person who reads a trace: lengths,
// indexes and counts, and nothing that is secret or long. Anything else is
// formatted with %v.
func Text(m any) string {
	switch m := m.(type) {
	case *Sync:
		return fmt.Sprintf("Sync fork %d length %d remote length %d%s", m.Fork, m.Length, m.RemoteLength,
			words("can upgrade", m.CanUpgrade, "uploading", m.Uploading, "downloading", m.Downloading, "has manifest", m.HasManifest, "allows push", m.AllowPush))
	case *Request:
		s := fmt.Sprintf("Request %d fork %d%s", m.ID, m.Fork, requestText(&m.Request))
		if m.Priority > 0 {
			s += fmt.Sprintf(", priority %d", m.Priority)
		}
		return s
	case *Cancel:
		return fmt.Sprintf("Cancel %d", m.ID)
	case *Data:
		return fmt.Sprintf("Data %d fork %d%s", m.ID, m.Fork, proofText(&m.Proof))
	case *NoData:
		return fmt.Sprintf("NoData %d reason %d", m.ID, m.Reason)
	case *Want:
		return fmt.Sprintf("Want %d+%d%s", m.Start, m.Length, words("any", m.Any))
	case *Unwant:
		return fmt.Sprintf("Unwant %d+%d", m.Start, m.Length)
	case *Bitfield:
		return fmt.Sprintf("Bitfield from %d, %d words", m.Start, len(m.Words))
	case *Range:
		return fmt.Sprintf("Range %d+%d%s", m.Start, m.Length, words("drop", m.Drop))
	case *Extension:
		return fmt.Sprintf("Extension %.32q, %d bytes", m.Name, len(m.Body))
	}
	return fmt.Sprint(m)
}

// words lists the names whose flags are set, given in turns.
func words(pairs ...any) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			b.WriteString(", ")
			b.WriteString(pairs[i].(string))
		}
	}
	return b.String()
}

func requestText(r *feed.Request) string {
	var b strings.Builder
	if r.Block != nil {
		fmt.Fprintf(&b, ", block %d with %d nodes", r.Block.Index, r.Block.Nodes)
	}
	if r.Hash != nil {
		fmt.Fprintf(&b, ", hash of node %d with %d nodes", r.Hash.Index, r.Hash.Nodes)
	}
	if r.Seek != nil {
		fmt.Fprintf(&b, ", seek to byte %d", r.Seek.Bytes)
	}
	if r.Upgrade != nil {
		fmt.Fprintf(&b, ", upgrade %d+%d", r.Upgrade.Start, r.Upgrade.Length)
	}
	return b.String() + words("manifest", r.Manifest)
}

func proofText(p *feed.Proof) string {
	var b strings.Builder
	if p.Block != nil {
		fmt.Fprintf(&b, ", block %d of %d bytes with %d nodes", p.Block.Index, len(p.Block.Value), len(p.Block.Nodes))
	}
	if p.Hash != nil {
		fmt.Fprintf(&b, ", hash of node %d with %d nodes", p.Hash.Index, len(p.Hash.Nodes))
	}
	if p.Seek != nil {
		fmt.Fprintf(&b, ", seek to byte %d with %d nodes", p.Seek.Bytes, len(p.Seek.Nodes))
	}
	if p.Upgrade != nil {
		fmt.Fprintf(&b, ", upgrade %d+%d with %d and %d nodes", p.Upgrade.Start, p.Upgrade.Length, len(p.Upgrade.Nodes), len(p.Upgrade.Additional))
	}
	return b.String() + words("manifest", p.Manifest != nil)
}
