package hostname

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// ttl is how long others may remember our addresses, in seconds (RFC 6762,
	// section 10), and legacyTTL how long plain resolvers may, which would not hear
	// of a change (section 6.7).
	ttl       = 120
	legacyTTL = 10

	// cacheFlush in a record's class says that it is all there is of its kind
	// (section 10.2); unicastWanted in a question's, that an answer to the asker
	// alone will do (section 5.4). It is the same bit.
	cacheFlush    = 1 << 15
	unicastWanted = 1 << 15

	typeNSEC = 47

	// maxRecords is how many questions and known answers are read of one query: a
	// packet could hold some hundred.
	maxRecords = 64
)

// A host is a name and the addresses to give for it: at least one, and at most
// maxAddrs.
type host struct {
	name  dnsmessage.Name // with ".local."
	addrs []netip.Addr
}

// maxAddrs bounds the addresses that are told, so that an answer fits a packet.
const maxAddrs = 16

// CheckName tells whether a box can answer to name: one label of RFC 1123 in
// lower case.
func CheckName(name string) error {
	bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	if name == "" || len(name) > 63 || strings.ContainsFunc(name, bad) || name[0] == '-' || name[len(name)-1] == '-' {
		return fmt.Errorf("%.80q is no host name: it takes 1 to 63 of a to z, 0 to 9 and -, not at its ends", name)
	}
	return nil
}

// full returns the name as messages have it.
func full(name string) dnsmessage.Name { return dnsmessage.MustNewName(name + ".local.") }

// A query is what somebody asks about one name.
type query struct {
	id      uint16
	a, aaaa bool
	unicast bool                  // all that asks about the name wants an answer for the asker alone
	asked   []dnsmessage.Question // about the name
	known   []netip.Addr          // what the asker knows, and will go on to know for a while
}

// errNotForUs says that a message is no question about the name.
var errNotForUs = errors.New("not a question about this name")

// parseQuery reads what a message asks about a name.
func parseQuery(message []byte, name dnsmessage.Name) (q query, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil {
		return q, err
	}
	if h.Response || h.OpCode != 0 || h.RCode != 0 {
		return q, errNotForUs
	}
	q.id, q.unicast = h.ID, true
	for range maxRecords {
		asked, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return q, err
		}
		class := asked.Class &^ unicastWanted
		if !same(asked.Name, name) || class != dnsmessage.ClassINET && class != dnsmessage.ClassANY {
			continue
		}
		both := asked.Type == dnsmessage.TypeALL
		if !both && asked.Type != dnsmessage.TypeA && asked.Type != dnsmessage.TypeAAAA {
			continue
		}
		q.a = q.a || both || asked.Type == dnsmessage.TypeA
		q.aaaa = q.aaaa || both || asked.Type == dnsmessage.TypeAAAA
		q.unicast = q.unicast && asked.Class&unicastWanted != 0
		q.asked = append(q.asked, asked)
	}
	if len(q.asked) == 0 {
		return q, errNotForUs
	}
	q.known = parseKnown(&p, name)
	return q, nil
}

// parseKnown reads the answers that the asker has already (section 7.1). What
// cannot be read is not known.
func parseKnown(p *dnsmessage.Parser, name dnsmessage.Name) (known []netip.Addr) {
	if p.SkipAllQuestions() != nil {
		return nil
	}
	for range maxRecords {
		h, err := p.AnswerHeader()
		if err != nil {
			return known
		}
		fresh := same(h.Name, name) && h.TTL >= ttl/2
		switch {
		case fresh && h.Type == dnsmessage.TypeA:
			r, err := p.AResource()
			if err != nil {
				return known
			}
			known = append(known, netip.AddrFrom4(r.A))
		case fresh && h.Type == dnsmessage.TypeAAAA:
			r, err := p.AAAAResource()
			if err != nil {
				return known
			}
			known = append(known, netip.AddrFrom16(r.AAAA))
		default:
			if p.SkipAnswer() != nil {
				return known
			}
		}
	}
	return known
}

// same compares names as DNS does: A to Z like a to z, and nothing else alike.
func same(a, b dnsmessage.Name) bool { return lower(a) == lower(b) }

func lower(n dnsmessage.Name) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, string(n.Data[:n.Length]))
}

// wants splits the addresses into those that q asks for and those that are good
// to know besides.
func (q *query) wants(addrs []netip.Addr) (asked, more []netip.Addr) {
	for _, a := range addrs {
		if a.Is4() && q.a || a.Is6() && q.aaaa {
			asked = append(asked, a)
		} else {
			more = append(more, a)
		}
	}
	return asked, more
}

// answer returns the message that answers q, and false when there is nothing to
// say: the asker knows it all. Who asks from another port than that of mDNS is a
// plain resolver, and wants a plain DNS answer (legacy, section 6.7).
func (h *host) answer(q query, legacy bool) ([]byte, bool) {
	asked, more := q.wants(h.addrs)
	if !legacy && len(asked) > 0 && !slices.ContainsFunc(asked, func(a netip.Addr) bool { return !slices.Contains(q.known, a) }) {
		return nil, false
	}
	if legacy {
		return h.message(q.id, q.asked, asked, more, legacyTTL, dnsmessage.ClassINET), true
	}
	return h.message(0, nil, asked, more, ttl, dnsmessage.ClassINET|cacheFlush), true
}

// announcement returns the message that tells everybody our addresses, and, with
// a lifetime of 0, that they count no more.
func (h *host) announcement(ttl uint32) []byte {
	return h.message(0, nil, h.addrs, nil, ttl, dnsmessage.ClassINET|cacheFlush)
}

func (h *host) message(id uint16, questions []dnsmessage.Question, answers, more []netip.Addr, ttl uint32, class dnsmessage.Class) []byte {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: true, Authoritative: true},
		Questions: questions,
	}
	for _, a := range answers {
		m.Answers = append(m.Answers, h.record(a, ttl, class))
	}
	for _, a := range more {
		m.Additionals = append(m.Additionals, h.record(a, ttl, class))
	}
	// That there is no address of the other kind has to be said, or who asks for
	// it waits (section 6.1).
	if none := h.nsec(ttl, class); len(answers) == 0 {
		m.Answers = append(m.Answers, none)
	} else {
		m.Additionals = append(m.Additionals, none)
	}
	text, err := m.Pack()
	if err != nil {
		panic("hostname: a message that cannot be written: " + err.Error()) // the name was checked, the addresses are bounded
	}
	return text
}

func (h *host) record(a netip.Addr, ttl uint32, class dnsmessage.Class) dnsmessage.Resource {
	r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: h.name, Class: class, TTL: ttl}}
	if a.Is4() {
		r.Header.Type, r.Body = dnsmessage.TypeA, &dnsmessage.AResource{A: a.As4()}
	} else {
		r.Header.Type, r.Body = dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: a.As16()}
	}
	return r
}

// nsec says which kinds of addresses there are (RFC 4034, section 4.1).
func (h *host) nsec(ttl uint32, class dnsmessage.Class) dnsmessage.Resource {
	bits := make([]byte, 4) // of the types 0 to 31
	for _, a := range h.addrs {
		if a.Is4() {
			bits[0] |= 0x80 >> 1 // type 1, A
		} else {
			bits[3] |= 0x80 >> (28 - 24) // type 28, AAAA
		}
	}
	bits = bytes.TrimRight(bits, "\x00") // as the RFC asks
	var data []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(h.name.String(), "."), ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	data = append(data, 0, 0, byte(len(bits)))
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: h.name, Type: typeNSEC, Class: class, TTL: ttl},
		Body:   &dnsmessage.UnknownResource{Type: typeNSEC, Data: append(data, bits...)},
	}
}
