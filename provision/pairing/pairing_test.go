package pairing_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/identity"
)

func key(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n)))
}

func public(k ed25519.PrivateKey) (p [32]byte) {
	copy(p[:], k.Public().(ed25519.PublicKey))
	return p
}

func peerOf(k ed25519.PrivateKey) identity.PeerID { return identity.OperatorKey(public(k)).PeerID() }

var (
	boxKey  = key(1)
	boxPeer = peerOf(boxKey)
	lan     = netip.MustParseAddr("192.168.1.20")

	// One code for all tests: deriving it takes a part of a second.
	code = sync.OnceValue(func() label.Claim { return newCode(1) })
	// wrong is a code of another box.
	wrong = sync.OnceValue(func() label.Claim { return newCode(2) })
)

func newCode(n byte) label.Claim {
	c, err := label.New(&counter{n: n})
	if err != nil {
		panic(err)
	}
	return c.Claim()
}

// A counter is a random source that is none.
type counter struct{ n byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.n += 7
		p[i] = c.n
	}
	return len(p), nil
}

// An owner is an authority over one code, with a disk that can fail on the way.
type owner struct {
	mu     sync.Mutex
	key    [32]byte // on the disk
	writes int
	// cut says where the power is cut: before the write, or after it.
	cutBefore, cutAfter bool
	proved              []pairing.Proved
}

func (o *owner) Find(id label.ClaimID) (label.ClaimKey, bool) {
	k := code().Public()
	return k, id == k.ID()
}

func (o *owner) Redeem(p pairing.Proved) (uint64, uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.proved = append(o.proved, p)
	if o.cutBefore {
		return 0, 0, errors.New("the power is gone")
	}
	if o.key == [32]byte{} {
		o.key = p.Key
		o.writes++
	}
	if o.cutAfter {
		return 0, 0, errors.New("the power is gone")
	}
	if o.key != p.Key {
		return 0, 0, pairing.Refuse(pairing.Used)
	}
	return 1, 1, nil
}

// written returns how often something was written to the disk.
func (o *owner) written() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writes
}

// meet connects a client to a box.
func meet(ctx context.Context, b *pairing.Box, client identity.PeerID, from netip.Addr) net.Conn {
	x, y := net.Pipe()
	go b.Handle(ctx, y, client, from)
	return x
}

func request(by ed25519.PrivateKey, c label.Claim) pairing.Request {
	return pairing.Request{Claim: c, Kind: pairing.Operator, Key: by, Box: boxPeer, Self: peerOf(by)}
}

func ask(t *testing.T, b *pairing.Box, req pairing.Request) (pairing.Accepted, error) {
	t.Helper()
	stream := meet(t.Context(), b, req.Self, lan)
	defer stream.Close()
	return pairing.Ask(t.Context(), stream, req)
}

func answerOf(err error) pairing.Answer {
	if r, ok := errors.AsType[*pairing.Refusal](err); ok {
		return r.Answer
	}
	return pairing.OK
}

func TestPair(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	req := request(key(2), code())
	req.SealedName = []byte("sealed")
	a, err := ask(t, b, req)
	if err != nil || a.Box != identity.BoxKeyOf(boxKey) || a.Epoch != 1 || a.Seq != 1 {
		t.Fatalf("Ask = %+v, %v", a, err)
	}
	p := o.proved[0]
	if p.Key != public(key(2)) || string(p.SealedName) != "sealed" || p.From != lan || p.Kind != pairing.Operator {
		t.Errorf("the authority saw %+v", p)
	}
	if !p.Claim.Verify(append([]byte("cobox/pair-claim/v1\n"), p.Transcript[:]...), p.ClaimSignature[:]) {
		t.Error("the evidence does not hold")
	}
}

// Case 3: a wrong code and an unknown one are told the same.
func TestCase03WrongCode(t *testing.T) {
	b := pairing.NewBox(boxKey, &owner{})
	_, err := ask(t, b, request(key(2), wrong()))
	if answerOf(err) != pairing.Denied {
		t.Errorf("an unknown code: %v", err)
	}
	// The right claim ID with a signature by somebody else.
	frames := record(t, b, request(key(2), code()), nil)
	frames.claim[len(frames.claim)-65] ^= 1 // the end of the claim's signature
	if got := replay(t, b, peerOf(key(2)), frames.claim); got != byte(pairing.Denied) {
		t.Errorf("a wrong signature: answer %d", got)
	}
	if s := b.Stats(); s.Denied != 2 {
		t.Errorf("Stats = %+v", s)
	}
}

// Case 4: another key is told that the code is used.
func TestCase04Used(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	if _, err := ask(t, b, request(key(2), code())); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, b, request(key(3), code())); answerOf(err) != pairing.Used {
		t.Errorf("another key: %v", err)
	}
}

// Case 5: the same key may ask again and is told the same; nothing is written.
func TestCase05SameAgain(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	first, err := ask(t, b, request(key(2), code()))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ask(t, b, request(key(2), code())); err != nil || again != first || o.written() != 1 {
		t.Errorf("the same key again: %+v after %+v, %v, %d writes", again, first, err, o.written())
	}
}

// interrupted has somebody pair while something goes wrong, and checks that he was
// not told yes, that nobody else gets the box once it is his on the disk, and that
// he gets it when he asks again.
func interrupted(t *testing.T, o *owner, messages int, again pairing.Request) {
	t.Helper()
	b := pairing.NewBox(boxKey, o)
	req := request(key(2), code())
	stream := meet(t.Context(), b, req.Self, lan)
	end := &deaf{Conn: stream, messages: messages}
	if _, err := pairing.Ask(t.Context(), end, req); err == nil {
		t.Fatal("the client was told yes")
	}
	_ = stream.Close()
	o.mu.Lock()
	o.cutBefore, o.cutAfter = false, false // the power is back
	kept := o.key
	o.mu.Unlock()
	if kept != [32]byte{} {
		if _, err := ask(t, b, request(key(3), code())); answerOf(err) != pairing.Used {
			t.Errorf("another key: %v", err)
		}
	}
	if _, err := ask(t, b, again); err != nil || o.written() != 1 {
		t.Errorf("the same key again: %v after %d writes", err, o.written())
	}
}

// all is more messages than there are.
const all = 10

// Case 7: the power is cut before or after the write; the chain's tests of this
// case cut it at each of the steps that a write has.
func TestCase07PowerCut(t *testing.T) {
	interrupted(t, &owner{cutBefore: true}, all, request(key(2), code()))
	interrupted(t, &owner{cutAfter: true}, all, request(key(2), code()))
}

// Case 49: the card has become read-only. The box says that it is its storage, and
// belongs to nobody; on a card that works the code counts.
func TestCase49ReadOnly(t *testing.T) {
	o := &owner{cutBefore: true}
	b := pairing.NewBox(boxKey, o)
	if _, err := ask(t, b, request(key(2), code())); answerOf(err) != pairing.Storage {
		t.Errorf("a box that cannot write: %v", err)
	}
	if o.written() != 0 {
		t.Error("something was written")
	}
	o.cutBefore = false
	if _, err := ask(t, b, request(key(3), code())); err != nil {
		t.Errorf("another card: %v", err)
	}
}

// Case 8: the box's answer is lost on the way.
func TestCase08AnswerLost(t *testing.T) {
	interrupted(t, &owner{}, 1, request(key(2), code()))
}

// Case 9: the laptop dies after it sent its claim. Its operator's key is on its
// disk, from before; with it another computer asks again.
func TestCase09LaptopDies(t *testing.T) {
	again := request(key(2), code())
	again.Self = peerOf(key(44))
	interrupted(t, &owner{}, 1, again)
}

// A deaf connection delivers some messages and then ends.
type deaf struct {
	net.Conn
	messages int
	left     int
}

func (d *deaf) Read(p []byte) (int, error) {
	if d.messages == 0 && d.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := d.Conn.Read(p)
	if d.left == 0 {
		d.left = int(binary.BigEndian.Uint16(p[:2]))
		d.messages--
	} else {
		d.left -= n
	}
	return n, err
}

// Case 6: eight racers with one code.
func TestCase06Racers(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	var wg sync.WaitGroup
	won := make(chan int, 8)
	for n := range 8 {
		wg.Go(func() {
			req := request(key(10+n), code())
			stream := meet(t.Context(), b, req.Self, netip.MustParseAddr(fmt.Sprintf("192.168.1.%d", n+1)))
			defer stream.Close()
			_, err := pairing.Ask(t.Context(), stream, req)
			if err == nil {
				won <- n
			} else if answerOf(err) != pairing.Used {
				t.Errorf("racer %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 || o.written() != 1 {
		t.Errorf("%d of eight won, %d writes", len(won), o.written())
	}
}

// Case 10: a false box that says yes is found out: it cannot prove that it knows
// the claim key.
func TestCase10FalseBox(t *testing.T) {
	x, y := net.Pipe()
	go func() {
		_, _ = x.Write(append([]byte{0, 33, 1}, make([]byte, 32)...))
		_ = readFrame(t, x)
		k := public(boxKey)
		yes := append([]byte{0, 1 + 1 + 32 + 32 + 16 + 64, 1, byte(pairing.OK)}, make([]byte, 32)...)
		_, _ = x.Write(append(append(yes, k[:]...), make([]byte, 16+64)...))
	}()
	if _, err := pairing.Ask(t.Context(), y, request(key(2), code())); !errors.Is(err, pairing.ErrNotThisBox) {
		t.Errorf("a box that does not know the code: %v, want ErrNotThisBox", err)
	}
	// One that knows it (a copy of the card), and is not whom we are connected to.
	req := request(key(2), code())
	req.Box = peerOf(key(67))
	stream := meet(t.Context(), pairing.NewBox(boxKey, &owner{}), req.Self, lan)
	if _, err := pairing.Ask(t.Context(), stream, req); err == nil {
		t.Error("another box than the one that we are connected to was believed")
	}
}

// frames are the messages of one exchange.
type frames struct{ hello, claim []byte }

// record lets a client speak with a box and keeps what is said. The answer is
// dropped.
func record(t *testing.T, b *pairing.Box, req pairing.Request, hello []byte) (f frames) {
	t.Helper()
	x, y := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = pairing.Ask(t.Context(), y, req)
	}()
	if hello == nil {
		hello = helloOf(t, b, req.Self)
	}
	f.hello = hello
	if _, err := x.Write(hello); err != nil {
		t.Fatal(err)
	}
	f.claim = readFrame(t, x)
	_ = x.Close()
	<-done
	return f
}

func helloOf(t *testing.T, b *pairing.Box, client identity.PeerID) []byte {
	t.Helper()
	stream := meet(t.Context(), b, client, lan)
	defer stream.Close()
	return readFrame(t, stream)
}

func readFrame(t *testing.T, r io.Reader) []byte {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head))
	if _, err := io.ReadFull(r, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// replay sends a claim to the box on a new stream and returns the answer's code,
// 255 when the box ended the stream.
func replay(t *testing.T, b *pairing.Box, client identity.PeerID, claim []byte) byte {
	t.Helper()
	stream := meet(t.Context(), b, client, lan)
	defer stream.Close()
	readFrame(t, stream)
	if _, err := stream.Write(claim); err != nil {
		return 255
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(stream, head); err != nil {
		return 255
	}
	return head[3]
}

// Case 12: a claim that was overheard is of no use on another stream.
func TestCase12Replay(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	f := record(t, b, request(key(2), code()), nil)
	for what, client := range map[string]identity.PeerID{"the same peer": peerOf(key(2)), "another peer": peerOf(key(66))} {
		if got := replay(t, b, client, f.claim); got != byte(pairing.Denied) {
			t.Errorf("replayed by %s on another stream: answer %d", what, got)
		}
	}
	if o.written() != 0 {
		t.Error("the box was claimed")
	}
}

// Case 11: somebody in between passes the box's own hello on to the victim, and
// the victim's claim back, all on one stream: his peer ID is not the victim's.
func TestCase11InBetween(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	stream := meet(t.Context(), b, peerOf(key(66)), lan)
	defer stream.Close()
	f := record(t, b, request(key(2), code()), readFrame(t, stream))
	if _, err := stream.Write(f.claim); err != nil {
		t.Fatal(err)
	}
	if got := readFrame(t, stream); got[3] != byte(pairing.Denied) {
		t.Errorf("passed on by somebody in between: answer %d", got[3])
	}
	if o.written() != 0 {
		t.Error("the box was claimed")
	}
}

// Case 22: who has a copy of the card knows the code's claim key, and so its claim
// ID. He can claim nothing with it: he cannot sign.
func TestCase22CopiedCard(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	known, own := code().Public().ID(), wrong().Public().ID()
	hello := helloOf(t, b, peerOf(key(2)))
	claim := record(t, b, request(key(2), wrong()), hello).claim
	if bytes.Count(claim, own[:]) != 1 {
		t.Fatal("a claim does not hold its claim ID once")
	}
	if got := replay(t, b, peerOf(key(2)), bytes.Replace(claim, own[:], known[:], 1)); got != byte(pairing.Denied) {
		t.Errorf("a claim by who has the card alone: answer %d", got)
	}
	if o.written() != 0 {
		t.Error("the box was claimed")
	}
}

// Case 14: streams on which nothing is said do not keep the owner out.
func TestCase14Silent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		b := pairing.NewBox(boxKey, o)
		code() // derived before the clock of the test matters
		var silent []net.Conn
		for n := range 60 {
			stream := meet(t.Context(), b, peerOf(key(100+n)), netip.AddrFrom4([4]byte{192, 168, 2, byte(n)}))
			silent = append(silent, stream)
			synctest.Wait()
		}
		began := time.Now()
		if _, err := ask(t, b, request(key(2), code())); err != nil {
			t.Errorf("the owner was kept out: %v", err)
		}
		if time.Since(began) > 0 {
			t.Errorf("the owner waited for %v", time.Since(began))
		}
		if s := b.Stats(); s.Evicted == 0 {
			t.Errorf("nobody made room: %+v", s)
		}
		time.Sleep(5 * time.Second) // of the test's clock: the rest is ended by the box
		for _, s := range silent {
			if _, err := io.Copy(io.Discard, s); err != nil {
				t.Errorf("a silent stream: %v", err)
			}
		}
	})
}

// Case 13: fifty peers with wrong codes at full speed. Each wrong signature for a
// known code costs a check, and those are bounded; the owner gets through.
func TestCase13Flood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		b := pairing.NewBox(boxKey, o)
		forged := record(t, b, request(key(2), code()), nil).claim
		forged[len(forged)-65] ^= 1
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() {
				for ctx.Err() == nil {
					stream := meet(ctx, b, peerOf(key(100+n)), netip.AddrFrom4([4]byte{192, 168, 3, byte(n)}))
					_, _ = io.ReadFull(stream, make([]byte, 35))
					_, _ = stream.Write(forged)
					_, _ = io.Copy(io.Discard, stream)
					_ = stream.Close()
					time.Sleep(10 * time.Millisecond) // of the test's clock, which stands still otherwise
				}
			})
		}
		time.Sleep(time.Second)
		began, before := time.Now(), b.Stats().Checked
		tries := 0
		for {
			tries++
			if _, err := ask(t, b, request(key(2), code())); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("the owner needed %v and %d tries", d, tries)
		}
		time.Sleep(2 * time.Second)
		passed := time.Since(began).Seconds()
		if n := b.Stats().Checked - before; float64(n) > 200*passed+201 {
			t.Errorf("%d signatures were checked in %.0f s", n, passed)
		}
		cancel()
		wg.Wait()
	})
}

// Case 15: claims that are cut short, too long, or changed in one byte. None is
// taken for the owner's, and the box goes on.
func TestCase15Malformed(t *testing.T) {
	o := &owner{}
	b := pairing.NewBox(boxKey, o)
	good := record(t, b, request(key(2), code()), nil).claim
	var bad [][]byte
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 0x41
		cut := bytes.Clone(good[:i])
		bad = append(bad, changed, cut)
	}
	bad = append(bad, []byte{0, 0}, []byte{0xff, 0xff}, append(bytes.Clone(good), 0))
	long := append([]byte{0, 0}, append(bytes.Clone(good[2:]), 0)...)
	binary.BigEndian.PutUint16(long, uint16(len(long)-2))
	bad = append(bad, long)
	for _, claim := range bad {
		stream := meet(t.Context(), b, peerOf(key(2)), lan)
		readFrame(t, stream)
		_, _ = stream.Write(claim)
		if c, ok := stream.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
		_ = stream.Close()
	}
	if o.written() != 0 {
		t.Fatal("a malformed claim was granted")
	}
	for {
		if _, err := ask(t, b, request(key(2), code())); err == nil {
			return // honest pairing works
		} else if answerOf(err) != pairing.OK {
			t.Fatal(err)
		}
	}
}

// Case 16: another version is told so in words.
func TestCase16Version(t *testing.T) {
	x, y := net.Pipe()
	go func() {
		_, _ = x.Write(append([]byte{0, 33, 2}, make([]byte, 32)...))
	}()
	if _, err := pairing.Ask(t.Context(), y, request(key(2), code())); !errors.Is(err, pairing.ErrVersion) {
		t.Errorf("a box of version 2: %v, want ErrVersion", err)
	}
}

// Case 20: the authority is told where a claim came from, or that it was a relay.
func TestCase20Far(t *testing.T) {
	for _, addr := range []string{"192.168.1.2", "fe80::1", "203.0.113.5", "2001:db8::1", ""} {
		o := &owner{}
		b := pairing.NewBox(boxKey, o)
		var from netip.Addr
		if addr != "" {
			from = netip.MustParseAddr(addr)
		}
		stream := meet(t.Context(), b, peerOf(key(2)), from)
		if _, err := pairing.Ask(t.Context(), stream, request(key(2), code())); err != nil {
			t.Fatal(err)
		}
		if o.proved[0].From != from {
			t.Errorf("from %q: told as %v", addr, o.proved[0].From)
		}
	}
}

func FuzzBox(f *testing.F) {
	f.Add([]byte{0, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, sent []byte) {
		o := &owner{}
		rw := struct {
			io.Reader
			io.Writer
			io.Closer
		}{bytes.NewReader(sent), io.Discard, io.NopCloser(nil)}
		pairing.NewBox(boxKey, o).Handle(t.Context(), rw, boxPeer, lan)
		if o.written() > 0 {
			t.Errorf("%x claims the box", sent)
		}
	})
}

func FuzzClient(f *testing.F) {
	f.Add(append([]byte{0, 33, 1}, make([]byte, 32)...))
	f.Fuzz(func(t *testing.T, sent []byte) {
		rw := struct {
			io.Reader
			io.Writer
			io.Closer
		}{bytes.NewReader(sent), io.Discard, io.NopCloser(nil)}
		if a, err := pairing.Ask(t.Context(), rw, request(key(2), code())); err == nil {
			t.Errorf("%x makes %+v", sent, a)
		}
	})
}
