package hostname_test

import (
	"net/netip"
	"strings"
	"testing"

	"cobox/seeder/hostname"

	"golang.org/x/net/dns/dnsmessage"
)

var (
	v4   = netip.MustParseAddr("192.0.2.7")
	v6   = netip.MustParseAddr("2001:db8::7")
	both = []netip.Addr{v4, v6}
)

// ask packs a query.
func ask(t *testing.T, questions []dnsmessage.Question, known ...dnsmessage.Resource) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 99}, Questions: questions, Answers: known}
	text, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func question(name string, typ dnsmessage.Type) dnsmessage.Question {
	return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}
}

// said returns the addresses of records, with the kinds that NSEC says there are.
func said(t *testing.T, records []dnsmessage.Resource) (list []string) {
	t.Helper()
	for _, r := range records {
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			list = append(list, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			list = append(list, netip.AddrFrom16(b.AAAA).String())
		case *dnsmessage.UnknownResource:
			if b.Type != hostname.TypeNSEC {
				t.Errorf("a record of type %d", b.Type)
			}
			list = append(list, "nsec")
		default:
			t.Errorf("a record of type %T", b)
		}
		if got := strings.ToLower(r.Header.Name.String()); got != "attic.local." {
			t.Errorf("a record about %s", got)
		}
	}
	return list
}

// TestAnswers: each kind of question gets its addresses, the rest beside it, and
// word of what there is not.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name          string
		typ           dnsmessage.Type
		addrs         []netip.Addr
		answers, more string
	}{
		{"attic.local.", dnsmessage.TypeA, both, "192.0.2.7", "2001:db8::7 nsec"},
		{"attic.local.", dnsmessage.TypeAAAA, both, "2001:db8::7", "192.0.2.7 nsec"},
		{"attic.local.", dnsmessage.TypeALL, both, "192.0.2.7 2001:db8::7", "nsec"},
		{"ATTIC.Local.", dnsmessage.TypeA, []netip.Addr{v4}, "192.0.2.7", "nsec"},
		{"attic.local.", dnsmessage.TypeAAAA, []netip.Addr{v4}, "nsec", "192.0.2.7"},
		{"attic.local.", dnsmessage.TypeA, []netip.Addr{v6}, "nsec", "2001:db8::7"},
	} {
		text, unicast, ok := hostname.Answer(ask(t, []dnsmessage.Question{question(c.name, c.typ)}), "attic", c.addrs, false)
		if !ok || unicast {
			t.Errorf("%s %s: answered %v, to one %v", c.name, c.typ, ok, unicast)
			continue
		}
		var m dnsmessage.Message
		if err := m.Unpack(text); err != nil {
			t.Fatal(err)
		}
		answers, more := strings.Join(said(t, m.Answers), " "), strings.Join(said(t, m.Additionals), " ")
		if answers != c.answers || more != c.more {
			t.Errorf("%s %s of %v: %q and %q, want %q and %q", c.name, c.typ, c.addrs, answers, more, c.answers, c.more)
		}
		if m.ID != 0 || !m.Response || !m.Authoritative || len(m.Questions) > 0 {
			t.Errorf("%s %s: header %+v, %d questions", c.name, c.typ, m.Header, len(m.Questions))
		}
		for _, r := range m.Answers {
			if r.Header.Class != dnsmessage.ClassINET|1<<15 || r.Header.TTL != 120 {
				t.Errorf("%s %s: a record %+v", c.name, c.typ, r.Header)
			}
		}
	}
}

// TestLegacyAnswer: a plain resolver gets a plain answer, with its question and ID.
func TestLegacyAnswer(t *testing.T) {
	q := question("Attic.local.", dnsmessage.TypeA)
	text, unicast, ok := hostname.Answer(ask(t, []dnsmessage.Question{question("other.local.", dnsmessage.TypeA), q}), "attic", both, true)
	var m dnsmessage.Message
	if err := m.Unpack(text); err != nil || !ok || !unicast {
		t.Fatalf("answered %v, to one %v: %v", ok, unicast, err)
	}
	if m.ID != 99 || len(m.Questions) != 1 || m.Questions[0] != q || m.Answers[0].Header.Class != dnsmessage.ClassINET || m.Answers[0].Header.TTL != 10 {
		t.Errorf("answer %+v", m)
	}
}

// TestUnicastWanted: who asks for an answer to itself gets it, unless the same
// query asks for one to all.
func TestUnicastWanted(t *testing.T) {
	one, all := question("attic.local.", dnsmessage.TypeA), question("attic.local.", dnsmessage.TypeAAAA)
	one.Class |= 1 << 15
	if _, unicast, ok := hostname.Answer(ask(t, []dnsmessage.Question{one}), "attic", both, false); !ok || !unicast {
		t.Errorf("answered %v, to one %v", ok, unicast)
	}
	if _, unicast, ok := hostname.Answer(ask(t, []dnsmessage.Question{one, all}), "attic", both, false); !ok || unicast {
		t.Errorf("both: answered %v, to one %v", ok, unicast)
	}
}

// TestKnownAnswers: who knows it all, and for a while still, is not told again.
func TestKnownAnswers(t *testing.T) {
	record := func(name string, a netip.Addr, ttl uint32) dnsmessage.Resource {
		r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl}}
		if a.Is4() {
			r.Body = &dnsmessage.AResource{A: a.As4()}
		} else {
			r.Body = &dnsmessage.AAAAResource{AAAA: a.As16()}
		}
		return r
	}
	ptr := dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("_x._udp.local."), Class: dnsmessage.ClassINET, TTL: 99},
		Body:   &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("y._x._udp.local.")},
	}
	for name, c := range map[string]struct {
		known []dnsmessage.Resource
		told  bool
	}{
		"nothing":       {nil, true},
		"it":            {[]dnsmessage.Resource{ptr, record("attic.local.", v4, 100)}, false},
		"not for long":  {[]dnsmessage.Resource{record("attic.local.", v4, 59)}, true},
		"another's":     {[]dnsmessage.Resource{record("cellar.local.", v4, 100)}, true},
		"an older one":  {[]dnsmessage.Resource{record("attic.local.", netip.MustParseAddr("192.0.2.9"), 100)}, true},
		"the other one": {[]dnsmessage.Resource{record("attic.local.", v6, 100)}, true},
	} {
		text := ask(t, []dnsmessage.Question{question("attic.local.", dnsmessage.TypeA)}, c.known...)
		if _, _, told := hostname.Answer(text, "attic", both, false); told != c.told {
			t.Errorf("who knows %s is told: %v, want %v", name, told, c.told)
		}
		if _, _, told := hostname.Answer(text, "attic", both, true); !told {
			t.Errorf("a plain resolver that says it knows %s is not told", name)
		}
	}
}

// TestNotForUs: everything else is passed over.
func TestNotForUs(t *testing.T) {
	answer := dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Questions: []dnsmessage.Question{question("attic.local.", dnsmessage.TypeA)}}
	response, err := answer.Pack()
	if err != nil {
		t.Fatal(err)
	}
	chaos := question("attic.local.", dnsmessage.TypeA)
	chaos.Class = dnsmessage.ClassCHAOS
	good := ask(t, []dnsmessage.Question{question("attic.local.", dnsmessage.TypeA)})
	for name, text := range map[string][]byte{
		"nothing": {}, "a response": response, "half a message": good[:len(good)-3],
		"another name":    ask(t, []dnsmessage.Question{question("cellar.local.", dnsmessage.TypeA)}),
		"a name below":    ask(t, []dnsmessage.Question{question("x.attic.local.", dnsmessage.TypeA)}),
		"another type":    ask(t, []dnsmessage.Question{question("attic.local.", dnsmessage.TypePTR)}),
		"another class":   ask(t, []dnsmessage.Question{chaos}),
		"another command": append([]byte{good[0], good[1], good[2] | 2<<3}, good[3:]...),
		"the 65th":        ask(t, append(many(64), question("attic.local.", dnsmessage.TypeA))),
	} {
		if got, _, ok := hostname.Answer(text, "attic", both, false); ok {
			t.Errorf("%s is answered: %x", name, got)
		}
	}
}

func many(n int) (list []dnsmessage.Question) {
	for range n {
		list = append(list, question("cellar.local.", dnsmessage.TypeA))
	}
	return list
}

// TestNames: what is no host label is refused.
func TestNames(t *testing.T) {
	for _, name := range []string{"a", "cobox-7k3f9q", "7", strings.Repeat("x", 63)} {
		if err := hostname.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
	r := hostname.New(nil)
	for _, name := range []string{"-a", "a-", "A", "a.b", "a b", "ä", "a_b", "a\x00", strings.Repeat("x", 64), "attic.local"} {
		if err := r.Set(name); err == nil {
			t.Errorf("%q was taken as a name", name)
		}
	}
}

// TestNear: only who is on the same network is answered.
func TestNear(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")}
	for from, want := range map[string]bool{
		"192.0.2.9": true, "2001:db8::9": true, "fe80::1%eth0": true, "169.254.1.1": true,
		"192.0.3.9": false, "2001:db8:1::9": false, "127.0.0.1": false,
	} {
		if got := hostname.Near(netip.MustParseAddr(from), networks); got != want {
			t.Errorf("near(%s) = %v, want %v", from, got, want)
		}
	}
}

// FuzzAnswer: no message makes it fail, and what it says can be read.
func FuzzAnswer(f *testing.F) {
	m := dnsmessage.Message{Questions: []dnsmessage.Question{question("attic.local.", dnsmessage.TypeALL)}}
	text, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, true)
	f.Add(text, false)
	f.Fuzz(func(t *testing.T, text []byte, legacy bool) {
		answer, _, ok := hostname.Answer(text, "attic", both, legacy)
		if !ok {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil {
			t.Errorf("answered %x: %v", answer, err)
		}
		if max := 2*len(text) + 512; len(answer) > max {
			t.Errorf("a question of %d bytes brings %d", len(text), len(answer))
		}
	})
}
