package boottest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Scan asks all of the guest's TCP ports for a connection, from another computer's
// place on its network, and returns those at which something listens. Every other
// port has to refuse: one that says nothing is an error.
func (g *Guest) Scan(ctx context.Context) (open []int, err error) {
	w, err := g.openWire()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.from.Close() })
	defer func() {
		stop()
		err = errors.Join(err, w.close())
	}()
	s := scan{wire: w, frames: make(chan []byte, atOnce)}
	go s.read()
	defer func() {
		_ = w.from.Close()
		for range s.frames { // until the reader has ended
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}()
	if err := s.meet(ctx); err != nil {
		return nil, err
	}
	for first := 1; first <= maxPort; first += atOnce {
		found, err := s.ask(ctx, first, min(first+atOnce-1, maxPort))
		if err != nil {
			return nil, err
		}
		open = append(open, found...)
	}
	return open, nil
}

const (
	maxPort = 65535
	// atOnce is how many ports are asked before the answers are waited for: no more
	// than the guest's network port has room for.
	atOnce = 100
	// askAgain is when a guest under emulation is asked again.
	askAgain = 2 * time.Second
	// asks is how often a port is asked before it counts as silent.
	asks = 10
)

// Where the scan asks from, and whom: the guest has the address that QEMU's DHCP
// server gives to the first who asks.
var (
	ourMAC  = []byte{0x50, 0x54, 0, 0xab, 0xcd, 0xef}
	ourIP   = []byte{10, 0, 2, 77}
	guestIP = []byte{10, 0, 2, 15}
)

const ourPort = 40077

// A scan asks ports one by one.
type scan struct {
	wire     *wire
	frames   chan []byte // those that the guest sends
	guestMAC []byte
}

// read passes on what the guest sends, until the wire is cut.
func (s *scan) read() {
	defer close(s.frames)
	for {
		frame, err := s.wire.receive()
		if err != nil {
			return
		}
		s.frames <- frame
	}
}

const (
	typeIP  = 0x0800
	typeARP = 0x0806

	arpQuestion, arpAnswer = 1, 2

	flagSYN, flagRST, flagACK = 2, 4, 16
)

// meet asks who has the guest's address.
func (s *scan) meet(ctx context.Context) error {
	s.guestMAC = bytes.Repeat([]byte{0xff}, 6) // all
	for range asks {
		if err := s.wire.send(s.arp(arpQuestion, make([]byte, 6))); err != nil {
			return err
		}
		again := time.After(askAgain)
		for waiting := true; waiting; {
			select {
			case frame, ok := <-s.frames:
				if !ok {
					return errors.New("QEMU has ended")
				}
				if op, mac := arpFrom(frame); op == arpAnswer {
					s.guestMAC = mac
					return nil
				}
			case <-again:
				waiting = false
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return errors.New("the guest is not on its network")
}

// ask asks the ports from first to last, and returns those that accept.
func (s *scan) ask(ctx context.Context, first, last int) (open []int, err error) {
	silent := make(map[int]bool)
	for port := first; port <= last; port++ {
		silent[port] = true
	}
	for range asks {
		for port := range silent {
			if err := s.wire.send(s.syn(port)); err != nil {
				return nil, err
			}
		}
		again := time.After(askAgain)
		for waiting := true; waiting; {
			if len(silent) == 0 {
				slices.Sort(open)
				return open, nil
			}
			select {
			case frame, ok := <-s.frames:
				if !ok {
					return nil, errors.New("QEMU has ended")
				}
				if op, _ := arpFrom(frame); op == arpQuestion {
					if err := s.wire.send(s.arp(arpAnswer, s.guestMAC)); err != nil {
						return nil, err
					}
				}
				port, flags := tcpFrom(frame)
				if !silent[port] {
					continue
				}
				switch {
				case flags&flagRST != 0:
					delete(silent, port)
				case flags&(flagSYN|flagACK) == flagSYN|flagACK:
					delete(silent, port)
					open = append(open, port)
				}
			case <-again:
				waiting = false
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return nil, fmt.Errorf("of the ports %d to %d the guest leaves %d without an answer", first, last, len(silent))
}

// frame begins an Ethernet frame to the guest.
func (s *scan) frame(kind uint16) []byte {
	return binary.BigEndian.AppendUint16(slices.Concat(s.guestMAC, ourMAC), kind)
}

// arp returns a question or an answer of the address resolution protocol (RFC 826).
func (s *scan) arp(op byte, to []byte) []byte {
	f := append(s.frame(typeARP), 0, 1, 8, 0, 6, 4, 0, op)
	return slices.Concat(f, ourMAC, ourIP, to, guestIP)
}

// arpFrom returns what a frame is of the address resolution protocol that is meant for
// us, and who sent it; 0 for other frames.
func arpFrom(f []byte) (op byte, mac []byte) {
	if len(f) < 42 || binary.BigEndian.Uint16(f[12:]) != typeARP || !bytes.Equal(f[28:32], guestIP) || !bytes.Equal(f[38:42], ourIP) {
		return 0, nil
	}
	return f[21], f[22:28]
}

// syn returns the first segment of a connection to a port (RFC 9293).
func (s *scan) syn(port int) []byte {
	ip := slices.Concat([]byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0}, ourIP, guestIP)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	tcp := make([]byte, 20)
	binary.BigEndian.PutUint16(tcp, ourPort)
	binary.BigEndian.PutUint16(tcp[2:], uint16(port))
	tcp[12], tcp[13] = 5<<4, flagSYN
	binary.BigEndian.PutUint16(tcp[14:], 1024) // window
	pseudo := slices.Concat(ourIP, guestIP, []byte{0, 6, 0, 20}, tcp)
	binary.BigEndian.PutUint16(tcp[16:], checksum(pseudo))
	return slices.Concat(s.frame(typeIP), ip, tcp)
}

// tcpFrom returns from which port the guest sends us a segment, with its flags; 0 for
// other frames.
func tcpFrom(f []byte) (port int, flags byte) {
	if len(f) < 54 || binary.BigEndian.Uint16(f[12:]) != typeIP || f[23] != 6 || !bytes.Equal(f[26:30], guestIP) || !bytes.Equal(f[30:34], ourIP) {
		return 0, 0
	}
	tcp := f[14+int(f[14]&15)*4:]
	if len(tcp) < 20 || binary.BigEndian.Uint16(tcp[2:]) != ourPort {
		return 0, 0
	}
	return int(binary.BigEndian.Uint16(tcp)), tcp[13]
}

// checksum is the Internet's (RFC 1071), of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
