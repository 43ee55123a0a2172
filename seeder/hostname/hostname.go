package hostname

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of what strangers on the network can make a box do.
const (
	// perSecond and atOnce bound the answers, of all kinds together.
	perSecond = 20
	atOnce    = 40
	// quiet is how long an answer to all is not repeated on one network (section 6).
	quiet = time.Second
)

const (
	// lookEvery is how often the network interfaces are looked at: a box often
	// starts before its cable is in.
	lookEvery = 10 * time.Second
	// again is when an announcement is repeated: the first may be lost (section 8.3).
	again = time.Second
)

// A Responder answers for one name. It is safe for concurrent use.
type Responder struct {
	log        *slog.Logger
	interfaces func() ([]net.Interface, error)
	answers    *rate.Limiter

	mu      sync.Mutex
	name    string             // mu; "" for none
	renamed chan struct{}      // has room for one; told when name changes
	told    map[link]time.Time // mu; when a network was last answered as a whole
}

// A link is a network as one socket sees it.
type link struct {
	group netip.Addr
	iface int
}

// New returns a responder that has no name yet. log may be nil.
func New(log *slog.Logger) *Responder {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Responder{
		log: log, interfaces: multicast, answers: rate.NewLimiter(perSecond, atOnce),
		renamed: make(chan struct{}, 1), told: make(map[link]time.Time),
	}
}

// multicast returns the interfaces that are up and lead to a network.
func multicast() (list []net.Interface, err error) {
	all, err := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 {
			list = append(list, i)
		}
	}
	return list, err
}

// Set makes name the one that is answered for, in place of the one before, which
// is taken back; "" is for none. A name for which [CheckName] has an error is
// refused, and the one before stays.
func (r *Responder) Set(name string) error {
	if name != "" {
		if err := CheckName(name); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.name == name {
		return nil
	}
	r.name = name
	select {
	case r.renamed <- struct{}{}:
	default:
	}
	return nil
}

func (r *Responder) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name
}

// Run answers until ctx is done, and takes the name back. That the machine cannot
// do multicast is logged, and no error: a box works without a name.
func (r *Responder) Run(ctx context.Context) error {
	sockets, err := listen()
	if err != nil {
		r.log.Warn("the box does not answer to its name on the local network", "error", err)
		<-ctx.Done()
		return nil
	}
	var wg sync.WaitGroup
	for _, s := range sockets {
		wg.Go(func() { r.serve(ctx, s) })
	}
	r.lookAfter(ctx, sockets)
	for _, s := range sockets {
		err = errors.Join(err, s.Close())
	}
	wg.Wait()
	if err != nil {
		return fmt.Errorf("ending to answer for a name: %w", err)
	}
	return nil
}

// lookAfter joins the group on networks as they come, and tells them the name
// when it changes.
func (r *Responder) lookAfter(ctx context.Context, sockets []socket) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	repeat := time.NewTimer(again)
	defer repeat.Stop()
	name := ""
	for {
		if now := r.current(); now != name {
			r.announce(sockets, name, 0)
			name = now
			r.join(sockets)
			r.announce(sockets, name, ttl)
			repeat.Reset(again)
		} else if r.join(sockets) {
			r.announce(sockets, name, ttl)
		}
		select {
		case <-ctx.Done():
			r.announce(sockets, name, 0)
			return
		case <-repeat.C:
			r.announce(sockets, name, ttl)
		case <-tick.C:
		case <-r.renamed:
		}
	}
}

// join joins the group on all networks, and reports whether one is new. Where
// we are in already the system refuses, and where it cannot be there is nothing
// to do.
func (r *Responder) join(sockets []socket) (fresh bool) {
	list, err := r.interfaces()
	if err != nil {
		r.log.Debug("looking for network interfaces", "error", err)
	}
	for _, s := range sockets {
		for _, i := range list {
			fresh = s.join(&i) == nil || fresh
		}
	}
	return fresh
}

// announce tells all networks that a name is ours, or with 0 that it is no more.
func (r *Responder) announce(sockets []socket, name string, ttl uint32) {
	if name == "" {
		return
	}
	list, err := r.interfaces()
	if err != nil {
		return // join has said so
	}
	for _, i := range list {
		addrs, _ := addresses(&i)
		if len(addrs) == 0 {
			continue
		}
		h := host{full(name), addrs}
		for _, s := range sockets {
			if err := s.write(h.announcement(ttl), i.Index, netip.AddrPortFrom(s.group(), port)); err != nil {
				r.log.Debug("announcing the box's name", "interface", i.Name, "error", err)
			}
		}
	}
}

// serve answers what comes in at one socket until it is closed.
func (r *Responder) serve(ctx context.Context, s socket) {
	message := make([]byte, maxMessage)
	for ctx.Err() == nil {
		n, iface, from, err := s.read(message)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			r.log.Debug("listening for questions about the box's name", "error", err)
			select { // what fails at once would fail all the time
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		default:
			r.handle(s, message[:n], iface, from)
		}
	}
}

// handle answers one message, if it asks for our name.
func (r *Responder) handle(s socket, message []byte, iface int, from netip.AddrPort) {
	name := r.current()
	if name == "" {
		return
	}
	fqdn := full(name)
	q, err := parseQuery(message, fqdn)
	if err != nil || !r.answers.Allow() {
		return
	}
	i := r.find(iface)
	if i == nil {
		return
	}
	addrs, networks := addresses(i)
	if len(addrs) == 0 || !near(from.Addr(), networks) {
		return
	}
	legacy := from.Port() != port
	h := host{fqdn, addrs}
	answer, ok := h.answer(q, legacy)
	to := netip.AddrPortFrom(s.group(), port)
	switch {
	case !ok:
		return
	case legacy || q.unicast:
		to = from
	case !r.mayTell(link{s.group(), iface}):
		return
	}
	if err := s.write(answer, iface, to); err != nil {
		r.log.Debug("answering for the box's name", "error", err)
	}
}

// find returns the interface with a number, if it is one of those we answer on;
// else nil.
func (r *Responder) find(index int) *net.Interface {
	list, err := r.interfaces()
	if err != nil {
		return nil
	}
	for _, i := range list {
		if i.Index == index {
			return &i
		}
	}
	return nil
}

// mayTell reports whether a network may be told again, and notes that it is.
func (r *Responder) mayTell(l link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.told[l]) < quiet {
		return false
	}
	r.told[l] = now // there are as many as interfaces
	return true
}

// addresses returns an interface's addresses, at most maxAddrs, and its networks.
func addresses(i *net.Interface) (addrs []netip.Addr, networks []netip.Prefix) {
	list, err := i.Addrs()
	if err != nil {
		return nil, nil
	}
	for _, a := range list {
		n, err := netip.ParsePrefix(a.String())
		if err != nil || len(addrs) == maxAddrs {
			continue
		}
		addrs = append(addrs, n.Addr().WithZone("")) // a zone means nothing to others
		networks = append(networks, n.Masked())
	}
	return addrs, networks
}

// near reports whether a message came from the same network (section 11): the
// port is open to all the world where there is no router between.
func near(from netip.Addr, networks []netip.Prefix) bool {
	if from.IsLinkLocalUnicast() {
		return true
	}
	for _, n := range networks {
		if n.Contains(from.WithZone("")) {
			return true
		}
	}
	return false
}
