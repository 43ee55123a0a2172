package control

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"cobox/seeder/api"
)

// SystemPath is where a box says what system it runs (GET), tells whether it would
// take a release (POST, a signed manifest), and takes one that was ordered (PUT, a
// release file as in appliance/release). A box that is no appliance answers with the
// code [NoAppliance].
const SystemPath = "/v1/system"

// NoAppliance is the code of a box's answer that there is no system to update, or no
// disk to adopt: its programs run on somebody's computer.
const NoAppliance api.Code = "no-appliance"

// A System is what a box runs, and how its latest update went.
type System struct {
	Product string `json:"product"`
	Board   string `json:"board"`
	Version uint64 `json:"version"` // a newer one is higher
	Name    string `json:"name"`    // of the version, for people
	Trial   bool   `json:"trial"`   // it has to show yet that it works
	Update  Update `json:"update"`
}

// An Update is how a box's latest update went. The states are those of
// appliance/update.
type Update struct {
	State   string    `json:"state,omitempty"`   // empty when there was none
	Release string    `json:"release,omitempty"` // its ID, in hex
	Version uint64    `json:"version,omitempty"`
	From    uint64    `json:"from,omitempty"` // the version before
	Seq     uint64    `json:"seq,omitempty"`  // of the order
	Why     string    `json:"why,omitempty"`  // it did not go well
	At      time.Time `json:"at,omitzero"`    // of the latest change, by the box's clock
}

// The states of an update that a program asks for.
const (
	Receiving  = "receiving"
	Armed      = "armed"
	OnTrial    = "trial"
	Settled    = "settled"
	RolledBack = "rolled-back"
)

// System returns what the box runs, and how its latest update went.
func (c *Client) System(ctx context.Context) (s System, err error) {
	err = c.call(ctx, http.MethodGet, SystemPath, nil, &s)
	return s, err
}

// Offer asks whether the box would take the release with a signed manifest, once it
// was ordered. The error says why not.
func (c *Client) Offer(ctx context.Context, signed []byte) error {
	return c.send(ctx, http.MethodPost, bytes.NewReader(signed), int64(len(signed)))
}

// Release sends a release file of size bytes, which was ordered. When it returns nil,
// the box has the release, and starts again with it.
func (c *Client) Release(ctx context.Context, file io.Reader, size int64) error {
	return c.send(ctx, http.MethodPut, file, size)
}

func (c *Client) send(ctx context.Context, method string, body io.Reader, size int64) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://box"+SystemPath, io.NopCloser(body))
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Expect", "100-continue") // a box that says no says it before all of it is sent
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("sending to the box: %w", err)
	}
	defer resp.Body.Close()
	return api.ReadAnswer(resp, maxAnswer, nil)
}
