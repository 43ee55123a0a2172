package seeder

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// The authority answers a question about access at once, or when there is
// something new, or after this time.
const accessWait = 30 * time.Second

// An authority that does not answer is asked again after a time. On a box the two
// daemons come up side by side, and who calls before the authority has spoken is
// sent away: so little time is lost at first.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = time.Second
)

// maxAccess bounds the authority's answer, in bytes.
const maxAccess = 32 << 20

// followAuthority keeps up with what the box's authority says until ctx is done.
// While it does not answer, what it said last goes on to count; before it has
// said anything nobody is let in.
func (s *Seeder) followAuthority(ctx context.Context) {
	client := api.SocketClient(api.AuthorityPath(s.cfg.State))
	defer client.CloseIdleConnections()
	defer s.turnHypercore(ctx, false)
	var epoch, seq uint64
	ended := 0
	wait := firstWait
	for ctx.Err() == nil {
		a, err := askAccess(ctx, client, epoch, seq, ended)
		if err == nil {
			if err = s.takeAccess(ctx, a); err == nil {
				epoch, seq, ended = a.Head.Epoch, a.Head.Seq, len(a.Ended)
				wait = lastWait
				continue
			}
			epoch, seq, ended = 0, 0, 0 // ask for the same again
			s.log.Error("following the box's authority", "error", err)
		} else if ctx.Err() == nil {
			s.log.Debug("the box's authority does not answer", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastWait)
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
// pins, settings, what is announced. Connections of those who have lost their
// rights are closed. After an error the table does not count, and is to be
// taken in again.
func (s *Seeder) takeAccess(ctx context.Context, a *api.Access) error {
	if s.store != nil { // one that is not there is wiped when it is back
		if err := s.wipe(a.Wiped); err != nil { // first: what comes from here on stays
			return err
		}
	}
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
			s.endGrant(g.Partner)
		}
	}
	for _, p := range s.host.Peers() {
		if !s.access.knows(p.ID) && !s.access.expecting() {
			s.host.ClosePeer(p.ID)
		}
	}
	s.host.Announce(a.Announce...)
	s.answerTo(a.Host)
	if s.store == nil {
		return nil
	}
	s.carryOut(a)
	for _, p := range a.Ended {
		s.drop(p)
	}
	s.retryAll() // what was over quota may fit now
	s.turnHypercore(ctx, a.Settings["hypercore"] == "on")
	return nil
}

// answerTo makes the box answer to a name on the local network.
func (s *Seeder) answerTo(name string) {
	if s.names == nil {
		return
	}
	if err := s.names.Set(name); err != nil {
		s.log.Error("the box keeps the name that it had", "error", err)
	}
}

// endGrant takes a partner's grant away and disconnects its devices.
func (s *Seeder) endGrant(p identity.PartnerKey) {
	s.ledger.RemoveGrant(p)
	s.log.Info("a partner has no grant any more", "partner", p)
	for _, id := range s.access.ofPartner(p) {
		s.access.left(id)
		s.host.ClosePeer(swarm.PeerID(id)) // it may come back to fetch what is kept
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
