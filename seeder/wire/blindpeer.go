package wire

import (
	"fmt"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// BlindPeer is the protocol of the channel on which stock clients ask a blind
// peer to keep feeds. It has no id and no handshake (PROTOCOL.md, "Blind peers").
const BlindPeer = "blind-peer"

// TypeCores is the type of the one message on a [BlindPeer] channel, [Cores].
const TypeCores = 0

// Cores asks a blind peer to keep feeds.
type Cores struct {
	Referrer *feed.Key // groups feeds; nil for none
	Priority uint64
	Announce bool // announce the feeds in the DHT
	Cores    []Core
}

// A Core is a feed that is to be kept.
type Core struct {
	Key    feed.Key
	Length uint64 // as the client has it
}

// minCore is the least that a core takes, in bytes.
const minCore = 33

// ParseCores parses the body of a Cores message. Fields that a newer client
// added at the end are passed over.
func ParseCores(body []byte) (*Cores, error) {
	d := compact.NewDecoder(body)
	flags := d.Uint()
	m := &Cores{Announce: flags&4 != 0}
	if flags&1 != 0 {
		key := feed.Key(d.Fixed32())
		m.Referrer = &key
	}
	if flags&2 != 0 {
		m.Priority = d.Uint()
	}
	n := d.Count(minCore)
	if d.Err() == nil {
		m.Cores = make([]Core, 0, n)
		for range n {
			m.Cores = append(m.Cores, Core{Key: feed.Key(d.Fixed32()), Length: d.Uint()})
		}
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("reading a request to keep feeds: %w", err)
	}
	return m, nil
}

// Append appends the body.
func (m *Cores) Append(b []byte) []byte {
	b = append(b, flag(m.Referrer != nil, 1)|flag(m.Priority > 0, 2)|flag(m.Announce, 4))
	if m.Referrer != nil {
		b = append(b, m.Referrer[:]...)
	}
	if m.Priority > 0 {
		b = compact.AppendUint(b, m.Priority)
	}
	b = compact.AppendUint(b, uint64(len(m.Cores)))
	for _, c := range m.Cores {
		b = compact.AppendUint(append(b, c.Key[:]...), c.Length)
	}
	return b
}
