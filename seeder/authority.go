package seeder

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// The authority answers a question about access at once, or when there is
// something new, or after this time.
const accessWait = 30 * time.Second

// maxAccess bounds the authority's answer, in bytes.
const maxAccess = 32 << 20

// followAuthority keeps up with what the box's authority says until ctx is done.
// While it does not answer, what it said last goes on to count; before it has
// said anything nobody is let in.
func (s *Seeder) followAuthority(ctx context.Context) {
	client := api.SocketClient(api.AuthorityPath(s.cfg.State))
	defer client.CloseIdleConnections()
	var epoch, seq uint64
	ended := 0
	for ctx.Err() == nil {
		a, err := askAccess(ctx, client, epoch, seq, ended)
		if err == nil {
			epoch, seq, ended = a.Head.Epoch, a.Head.Seq, len(a.Ended)
			s.takeAccess(a)
			continue
		}
		if ctx.Err() == nil {
			s.log.Debug("the box's authority does not answer", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func askAccess(ctx context.Context, client *http.Client, epoch, seq uint64, ended int) (*api.Access, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*accessWait)
	defer cancel()
	q := url.Values{"epoch": {strconv.FormatUint(epoch, 10)}, "after": {strconv.FormatUint(seq, 10)}, "ended": {strconv.Itoa(ended)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box/v1/access?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var a api.Access
	return &a, api.ReadAnswer(resp, maxAccess, &a)
}

// takeAccess makes the authority's table count: grants, operators, orders about
// pins. Connections of those who have lost their rights are closed.
func (s *Seeder) takeAccess(a *api.Access) {
	s.access.follow(a)
	granted := make(map[identity.PartnerKey]bool)
	now := time.Now()
	for _, g := range a.Grants(s.key) {
		if g.CheckTime(now) == nil {
			granted[g.Partner] = true
			s.ledger.SetGrant(g)
		}
	}
	for _, g := range s.ledger.Grants() {
		if !granted[g.Partner] {
			s.ledger.RemoveGrant(g.Partner)
			s.log.Info("a partner has no grant any more", "partner", g.Partner)
			for _, id := range s.access.ofPartner(g.Partner) {
				s.access.left(id)
				s.host.ClosePeer(swarm.PeerID(id)) // it may come back to fetch what is kept
			}
		}
	}
	for _, p := range s.host.Peers() {
		if !s.access.knows(p.ID) && !s.access.expecting() {
			s.host.ClosePeer(p.ID)
		}
	}
	s.carryOut(a.Pins)
	for _, p := range a.Ended {
		s.drop(p)
	}
	s.retryAll() // what was over quota may fit now
}

// ordersFile holds the number of the last order about pins that was carried
// out: an unpin must not hit a pin that the partner made after it.
const ordersFile = "store/orders"

// carryOut does what operators ordered about pins.
func (s *Seeder) carryOut(orders []api.PinOrder) {
	path := filepath.Join(s.cfg.State, ordersFile)
	var done uint64
	text, err := os.ReadFile(path)
	if err == nil {
		done, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("reading which orders were carried out", "error", err)
		return
	}
	last := done
	for _, o := range orders {
		if o.Seq <= done || o.Pin {
			continue // a pin is the partner's own to make; the order only lifts an unpin
		}
		key, err := feed.ParseKey(o.Feed)
		if err == nil {
			err = s.Unpin(key, o.Partner)
		}
		if err != nil && !errors.Is(err, errNoPin) {
			s.log.Error("carrying out an operator's order", "seq", o.Seq, "error", err)
			return
		}
		last = max(last, o.Seq)
	}
	if last > done {
		if err := durable.WriteFile(path, strconv.AppendUint(nil, last, 10), 0o600); err != nil {
			s.log.Error("noting which orders were carried out", "error", err)
		}
	}
}

// drop deletes what is kept for a partner whose notice is over.
func (s *Seeder) drop(p identity.PartnerKey) {
	s.mu.Lock()
	var keys []feed.Key
	for key, k := range s.feeds {
		if k.pins[p] != nil {
			keys = append(keys, key)
		}
	}
	s.mu.Unlock()
	for _, key := range keys {
		if err := s.Unpin(key, p); err != nil && !errors.Is(err, errNoPin) {
			s.log.Error("deleting what was kept for a partner who has left", "partner", p, "error", err)
		}
	}
}

// deliver hands a stream on to the authority, which decides what it is worth.
// Nothing of it is looked at here.
func (s *Seeder) deliver(ctx context.Context, protocol string, st swarm.Stream) {
	if protocol == api.ControlProtocol && s.access.role(st.Remote()) == "" {
		_ = st.Reset()
		return
	}
	if err := s.splice(ctx, protocol, st); err != nil {
		_ = st.Reset()
		s.log.Debug("a stream could not be handed on", "protocol", protocol, "error", err)
	}
}

func (s *Seeder) splice(ctx context.Context, protocol string, st swarm.Stream) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", api.AuthorityPath(s.cfg.State))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	from := ""
	if st.From().IsValid() {
		from = st.From().String()
	}
	q := url.Values{"protocol": {protocol}, "peer": {st.Remote().String()}, "from": {from}}
	if _, err := fmt.Fprintf(conn, "POST /v1/streams?%s HTTP/1.1\r\nHost: box\r\nConnection: Upgrade\r\nUpgrade: cobox\r\n\r\n", q.Encode()); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		var e api.Error
		_ = json.NewDecoder(io.LimitReader(resp.Body, api.MaxBody)).Decode(&e)
		return fmt.Errorf("the authority answered %s %s", resp.Status, e.Text)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(conn, st)
		if u, ok := conn.(*net.UnixConn); ok {
			_ = u.CloseWrite()
		}
	})
	_, _ = io.Copy(st, r)
	_ = st.Close()
	_ = conn.Close()
	wg.Wait()
	return nil
}
