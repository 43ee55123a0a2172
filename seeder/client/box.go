package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/swarm"
)

// A Host reaches boxes: see the methods of [swarm.Host], which is one.
type Host interface {
	Connect(ctx context.Context, target string) (swarm.PeerID, error)
	Dialer(box swarm.PeerID, protocol string) func(ctx context.Context, network, address string) (net.Conn, error)
	Open(ctx context.Context, box swarm.PeerID, protocol string) (swarm.Stream, error)
	Route(box swarm.PeerID) swarm.Route
	Settle(ctx context.Context, box swarm.PeerID) (swarm.Route, error)
	OnDirect(fn func(swarm.PeerID)) (stop func())
}

// A Client is this device among boxes. It is safe for concurrent use.
type Client struct {
	host    Host
	cert    []byte // the device certificate as a statement's text
	partner identity.PartnerKey

	mu      sync.Mutex
	revoked revoked // the newest list that is known; mu
}

// New returns a client that speaks through host and shows boxes the
// certificate, whose device key must be the host's.
func New(host Host, cert []byte) *Client {
	c := &Client{host: host, cert: cert}
	if st, err := identity.ParseStatement(cert); err == nil { // if not, boxes will say so
		c.partner = st.Signer
	}
	return c
}

// NewKeeper returns a client for a box that goes to others which keep the same
// feeds: it has no certificate, and is welcome where a partner's list of keepers
// names the host's key.
func NewKeeper(host Host) *Client { return &Client{host: host} }

// A Box is a box that has welcomed us.
type Box struct {
	Welcome api.Welcome
	c       *Client
	peer    swarm.PeerID
	http    *http.Client

	revoked  identity.Revoked // that it follows, as it told Introduce
	listKept bool             // on its disk
}

// maxAnswer bounds what a box's answer may make us read: a status with 10,000 pins is below it.
const maxAnswer = 32 << 20

// Connect finds a box by its ID or by an address with its ID, and introduces us
// to it. Errors say what was tried; a box that does not know the partner gives
// an [*api.Error] with code [api.Unauthorised].
func (c *Client) Connect(ctx context.Context, target string) (*Box, error) {
	peer, err := c.host.Connect(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("connecting to box %s: %w", target, err)
	}
	b := &Box{c: c, peer: peer, http: &http.Client{Transport: &http.Transport{
		DialContext:         c.host.Dialer(peer, api.Protocol),
		MaxIdleConnsPerHost: 1,
	}}}
	if err := b.Introduce(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Introduce shows the box our certificate and the list of revoked devices that
// we know, and takes in a newer list from it. [Client.Connect] does it; again it
// is of use after [Client.SetRevoked].
func (b *Box) Introduce(ctx context.Context) error {
	shown := b.c.shown()
	var w api.Welcome
	hello := api.Hello{Device: string(b.c.cert), Revoked: shown.text, Keeper: b.c.cert == nil}
	err := b.call(ctx, http.MethodPost, "/v1/hello", hello, &w)
	if err == nil && w.Box.PeerID().String() != b.peer.String() {
		err = fmt.Errorf("it says that it is %s", w.Box.PeerID())
	}
	if err == nil {
		b.revoked, err = b.c.compare(shown, w.Revoked)
	}
	if err != nil {
		return fmt.Errorf("introducing ourselves to box %s: %w", b.peer, err)
	}
	b.Welcome, b.listKept = w, w.Revoked == "" || w.Revoked != shown.text
	return nil
}

// ID returns the box ID.
func (b *Box) ID() string { return b.peer.String() }

// Key returns the box key.
func (b *Box) Key() identity.BoxKey { return b.Welcome.Box }

// Close ends the connections for asking; replication goes on.
func (b *Box) Close() { b.http.CloseIdleConnections() }

// Status returns how the box stands, as far as it tells a partner.
func (b *Box) Status(ctx context.Context) (st api.BoxStatus, err error) {
	err = b.call(ctx, http.MethodGet, "/v1/status", nil, &st)
	return st, err
}

// Pins returns the partner's pins on the box.
func (b *Box) Pins(ctx context.Context) ([]pin.Status, error) {
	var p api.Pins
	err := b.call(ctx, http.MethodGet, "/v1/pins", nil, &p)
	return p.Pins, err
}

// Pin asks the box to keep a feed; asking again changes the request.
func (b *Box) Pin(ctx context.Context, key feed.Key, req api.PinRequest) (st pin.Status, err error) {
	err = b.call(ctx, http.MethodPut, api.PinPath(key), req, &st)
	return st, err
}

// Unpin ends the pin; the box deletes what nobody else pins. It returns the box's
// signed word about that, and checks it: the signature, the partner, and the feed. A
// word that does not fit is an error after the pin has ended.
func (b *Box) Unpin(ctx context.Context, partner identity.PartnerKey, key feed.Key) (identity.Deletion, identity.Statement, error) {
	var body api.Deletion
	if err := b.call(ctx, http.MethodDelete, api.PinPath(key), nil, &body); err != nil {
		return identity.Deletion{}, identity.Statement{}, err
	}
	st, err := identity.ParseStatement([]byte(body.Deletion))
	var d identity.Deletion
	if err == nil {
		d, err = identity.OpenDeletion(st, b.Key())
	}
	if err == nil && (d.Partner != partner || d.Feed != key) {
		err = fmt.Errorf("it is about feed %s of %s", d.Feed.DiscoveryKey(), d.Partner)
	}
	if err != nil {
		return identity.Deletion{}, st, fmt.Errorf("box %s has ended the pin, and its word about that is no good: %w", b.peer, err)
	}
	return d, st, nil
}

// Receipt asks for the box's signed word about a feed, and checks it: the
// box's signature, the partner, and the feed.
func (b *Box) Receipt(ctx context.Context, partner identity.PartnerKey, key feed.Key) (identity.Receipt, identity.Statement, error) {
	var body api.Receipt
	if err := b.call(ctx, http.MethodGet, api.PinPath(key)+"/receipt", nil, &body); err != nil {
		return identity.Receipt{}, identity.Statement{}, err
	}
	st, err := identity.ParseStatement([]byte(body.Receipt))
	if err != nil {
		return identity.Receipt{}, st, fmt.Errorf("reading the receipt of box %s: %w", b.peer, err)
	}
	r, err := identity.OpenReceipt(st, b.Key())
	if err != nil {
		return r, st, fmt.Errorf("checking the receipt of box %s: %w", b.peer, err)
	}
	if r.Feed != key || r.Partner != partner {
		return r, st, fmt.Errorf("checking the receipt of box %s: it is about another feed or partner", b.peer)
	}
	return r, st, nil
}

// Evidence returns the evidence file of a feed that its writer forked
// (seeder/evidence). It is not checked.
func (b *Box) Evidence(ctx context.Context, key feed.Key) ([]byte, error) {
	var text json.RawMessage
	err := b.call(ctx, http.MethodGet, api.PinPath(key)+"/evidence", nil, &text)
	return text, err
}

// ShowEvidence gives the box an evidence file about a fork of a feed, which it then
// freezes as if it had met the fork itself.
func (b *Box) ShowEvidence(ctx context.Context, key feed.Key, file []byte) error {
	return b.call(ctx, http.MethodPut, api.PinPath(key)+"/evidence", json.RawMessage(file), nil)
}

// call makes one request. An answer that is no success is an [*api.Error].
func (b *Box) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://box"+path, body)
	if err != nil {
		return err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking box %s: %w", b.peer, err)
	}
	defer resp.Body.Close()
	return api.ReadAnswer(resp, maxAnswer, out)
}
