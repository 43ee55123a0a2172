// Package control is what a box's authority, provisiond, says to operators and
// to seederd: the paths, the types, and a client. Answers and errors are those
// of package api, HTTP with JSON.
//
// Operators come over libp2p, by way of seederd, which hands their streams on
// with the peer ID that libp2p has authenticated. An operator's peer ID is that
// of the operator key. What they read is decided by that peer ID; what they
// change, by statements that they sign ([chain.Order]) and nothing else: a
// seederd that lies about who is speaking can change nothing.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"cobox/appliance/health"
	"cobox/provision/chain"
	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// Protocol is the libp2p protocol of operators' streams: one HTTP connection each.
const Protocol = api.ControlProtocol

// A State answers GET /v1/state.
type State struct {
	Box     identity.BoxKey `json:"box"`
	Tag     string          `json:"tag,omitempty"` // as on the label; empty when it has none
	Version string          `json:"version"`
	Uptime  time.Duration   `json:"uptime"` // nanoseconds since the box was switched on
	Now     time.Time       `json:"now"`    // as the box's clock says
	Trusted bool            `json:"clockTrusted"`
	// Failed counts the attempts to pair that failed since the box was switched on.
	Failed uint64     `json:"failedPairings"`
	Role   chain.Role `json:"role,omitempty"` // the caller's
	// Reached says that an operator has spoken with the box since its authority was started.
	Reached bool `json:"reached"`
	// RecoveryWait is how long the box has to be up still before a recovery takes
	// place that was asked for (Chain.Recovery.NewOwner), in nanoseconds; 0 when
	// none waits. An operator who does not want it refuses: chain.CancelRecovery.
	RecoveryWait time.Duration `json:"recoveryWait,omitzero"`
	// Troubles say what is wrong with the machine, each in a sentence with what to do.
	Troubles []string `json:"troubles,omitempty"`
	// Board is the board that the box runs on, such as "serial:9f86d081884c7d65".
	Board string `json:"board,omitempty"`
	// Passive says that the box serves no partner; Troubles say why.
	Passive bool        `json:"passive,omitempty"`
	Chain   chain.State `json:"chain"`
}

// An Order is the body of POST /v1/orders.
type Order struct {
	Statement string `json:"statement"` // as text
}

// A Head answers POST /v1/orders.
type Head struct {
	Head chain.Head `json:"head"` // with the order taken in
}

// A Scrape answers GET /v1/scrape: how Prometheus reads the box's metrics on the
// local network. The token opens nothing else.
type Scrape struct {
	On      bool     `json:"on"`                // the setting metrics-lan
	Targets []string `json:"targets,omitempty"` // host:port; none while it is off
	Token   string   `json:"token,omitempty"`   // to be sent as a bearer token
}

// A Client asks a box's authority.
type Client struct {
	// HTTP reaches the box: its host is of no account, its path is.
	HTTP *http.Client
}

const (
	maxAnswer  = 32 << 20           // bytes; a chain's state with all that it may hold
	maxMetrics = 4 << 20            // bytes; about 1200 series with their help
	maxLog     = chain.MaxBytes * 2 // bytes
)

// State returns how ownership of the box stands.
func (c *Client) State(ctx context.Context) (st State, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/state", nil, &st)
	return st, err
}

// Status returns how the box's seeder stands.
func (c *Client) Status(ctx context.Context) (st api.BoxStatus, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/status", nil, &st)
	return st, err
}

// Evidence returns the evidence file of a feed that its writer forked
// (seeder/evidence). It is not checked.
func (c *Client) Evidence(ctx context.Context, key feed.Key) ([]byte, error) {
	var text json.RawMessage
	err := c.call(ctx, http.MethodGet, api.PinPath(key)+"/evidence", nil, &text)
	return text, err
}

// Order has an order taken in, and returns the head of the chain with it. An
// order that was made against an older head is an [*api.Error] with the code
// api.Stale: get the state, and sign again.
func (c *Client) Order(ctx context.Context, st identity.Statement) (chain.Head, error) {
	var h Head
	err := c.call(ctx, http.MethodPost, "/v1/orders", Order{st.String()}, &h)
	return h.Head, err
}

// Health returns how the box is, check by check.
func (c *Client) Health(ctx context.Context) (r health.Report, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/health", nil, &r)
	return r, err
}

// Metrics writes the box's metrics to w, in Prometheus' text format. It writes
// nothing but a whole page.
func (c *Client) Metrics(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/metrics", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return api.ReadAnswer(resp, maxMetrics, nil)
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics+1))
	if err == nil && len(page) > maxMetrics {
		err = errors.New("they are more than a box has")
	}
	if err == nil {
		_, err = w.Write(page)
	}
	if err != nil {
		return fmt.Errorf("reading the box's metrics: %w", err)
	}
	return nil
}

// Scrape returns how Prometheus reads the box's metrics on the local network.
func (c *Client) Scrape(ctx context.Context) (s Scrape, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/scrape", nil, &s)
	return s, err
}

// Log writes the box's chain to w, statement by statement, as chain.Replay
// reads it.
func (c *Client) Log(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/log", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return api.ReadAnswer(resp, maxAnswer, nil)
	}
	n, err := io.Copy(w, io.LimitReader(resp.Body, maxLog+1))
	if err == nil && n > maxLog {
		err = errors.New("it is longer than a chain can be")
	}
	if err != nil {
		return fmt.Errorf("reading the box's log: %w", err)
	}
	return nil
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return api.ReadAnswer(resp, maxAnswer, out)
}

func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://box"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the box's authority: %w", err)
	}
	return resp, nil
}
