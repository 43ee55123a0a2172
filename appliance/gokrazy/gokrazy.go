// Package gokrazy asks the gokrazy under which a box's programs run, over the Unix
// socket that only root may use. What runs under it is started by package
// supervise, and does not link it.
package gokrazy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Socket is where gokrazy answers on a box. Without a password file in the root
// file system it does so nowhere else.
const Socket = "/run/gokrazy-http.sock"

// NewClient returns a client for the gokrazy at a socket. Requests go to
// http://gokrazy/..., whatever the host.
func NewClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
}

// perSignal is how long a program may take to end before it is made to.
const perSignal = "30s"

// Reboot ends the programs, in order, and starts the machine anew. It returns when
// all have ended: unless it is called by init, this program is one of them.
func Reboot(ctx context.Context, c *http.Client) error {
	// Not async: gokrazy would start the machine anew while programs are still ending.
	// Not with kexec: that takes the kernel's command line along, which says what is started.
	q := url.Values{"kexec": {"off"}, "wait_per_signal": {perSignal}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gokrazy/reboot?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("starting the machine anew: %w", err)
	}
	if err := errors.Join(check(resp), resp.Body.Close()); err != nil {
		return fmt.Errorf("starting the machine anew: %w", err)
	}
	return nil
}

func check(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("gokrazy answers %s", resp.Status)
	}
	return nil
}

// CopyLog copies what a program logs to w, line by line after its name, until ctx
// is done. For trials.
func CopyLog(ctx context.Context, c *http.Client, path string, w io.Writer) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	for ctx.Err() == nil {
		if err := copyLog(ctx, c, path, name, w); err != nil && ctx.Err() == nil {
			fmt.Fprintf(w, "log of %s: %v\n", name, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func copyLog(ctx context.Context, c *http.Client, path, name string, w io.Writer) error {
	q := url.Values{"path": {path}, "stream": {"stderr"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gokrazy/log?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := check(resp); err != nil {
		return err
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if line, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			fmt.Fprintf(w, "%s: %s\n", name, line)
		}
	}
	return lines.Err()
}
