package api

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
)

// SocketPath returns where a seeder with this state folder answers its operator.
func SocketPath(state string) string { return filepath.Join(state, "run", "seederd.sock") }

// SidecarPath returns where a seeder with this state folder takes in stock
// Hypercore peers whose secret stream ends in a process beside it.
func SidecarPath(state string) string { return filepath.Join(state, "run", "hypercore.sock") }

// SocketClient returns a client for the API at a Unix socket. Requests go to
// http://box/v1/..., whatever the host.
func SocketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
}
