package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A line is what lies between two computers that are far from each other.
type line struct {
	name      string
	roundTrip time.Duration
	loss      float64 // of the packets, in each direction
	up, down  float64 // bits a second, from the partner's side
}

// queueTime is how much may wait at the slow end of a line, as in a usual router.
const queueTime = 100 * time.Millisecond

// mtu of the line, in bytes.
const mtu = 1500

// A link is a line that is laid between two network namespaces. tc has netem for that,
// which many kernels lack; here each namespace has a TUN device, and this process
// carries the packets: it queues, delays and loses them.
type link struct {
	near, far string // the namespaces
	tuns      [2]*os.File
	made      []string // those namespaces that there are
	stop      context.CancelFunc
	ended     []chan struct{}
}

// The addresses of the two ends.
const (
	nearAddr = "10.77.0.1"
	farAddr  = "10.77.0.2"
)

// layLink lays a line. control is the congestion control of TCP at both ends; empty for
// that of this computer.
func layLink(ctx context.Context, l line, control string) (_ *link, err error) {
	name := fmt.Sprintf("cblink%d", os.Getpid())
	k := &link{near: name + "n", far: name + "f"}
	ctx, k.stop = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("laying the line %q (it takes root and /dev/net/tun): %w", l.name, err), k.close())
		}
	}()
	for i, ns := range []string{k.near, k.far} {
		if err := ip("netns", "add", ns); err != nil {
			return nil, err
		}
		tun := fmt.Sprint("cbl", i, "-", os.Getpid())
		if k.tuns[i], err = openTun(tun); err != nil {
			return nil, err
		}
		k.made = append(k.made, ns)
		for _, command := range []string{
			"link set " + tun + " netns " + ns, "-n " + ns + " link set lo up",
			fmt.Sprintf("-n %s addr add %s/24 dev %s", ns, [...]string{nearAddr, farAddr}[i], tun),
			fmt.Sprintf("-n %s link set %s mtu %d up", ns, tun, mtu),
		} {
			if err := ip(strings.Fields(command)...); err != nil {
				return nil, err
			}
		}
		if control == "" {
			continue
		}
		if err := ip("netns", "exec", ns, "sysctl", "-q", "-w", "net.ipv4.tcp_congestion_control="+control); err != nil {
			return nil, err
		}
	}
	k.ended = []chan struct{}{
		carry(ctx, k.tuns[0], k.tuns[1], l.up, l), carry(ctx, k.tuns[1], k.tuns[0], l.down, l),
	}
	return k, nil
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// openTun makes a TUN device, which is gone when its file is closed.
func openTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// close takes the line away.
func (k *link) close() error {
	k.stop()
	var err error
	for _, tun := range k.tuns {
		if tun != nil {
			err = errors.Join(err, tun.Close())
		}
	}
	for _, e := range k.ended {
		<-e
	}
	for _, ns := range k.made {
		err = errors.Join(err, ip("netns", "del", ns))
	}
	return err
}

// A packet is on its way.
type packet struct {
	bytes []byte
	at    time.Time // of its arrival
}

// maxUnderWay bounds the packets on a line: those of its round trip and its queue.
const maxUnderWay = 1 << 16

// carry takes packets from one end to the other until ctx is done or an end is closed.
func carry(ctx context.Context, from, to *os.File, rate float64, l line) (ended chan struct{}) {
	ended = make(chan struct{})
	way := make(chan packet, maxUnderWay)
	go func() {
		defer close(way)
		random := rand.New(rand.NewPCG(1, uint64(rate)))
		free := time.Now() // when the slow end has sent all that waits
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if err != nil || ctx.Err() != nil {
				return
			}
			now := time.Now()
			if free.Before(now) {
				free = now
			}
			if free.Sub(now) > queueTime {
				continue // the queue is full
			}
			free = free.Add(time.Duration(float64(n*8) / rate * 1e9))
			if random.Float64() < l.loss {
				continue
			}
			select {
			case way <- packet{append([]byte(nil), buf[:n]...), free.Add(l.roundTrip / 2)}:
			default:
			}
		}
	}()
	go func() {
		defer close(ended)
		for p := range way {
			time.Sleep(time.Until(p.at))
			_, _ = to.Write(p.bytes) // a closed end takes none
		}
	}()
	return ended
}
