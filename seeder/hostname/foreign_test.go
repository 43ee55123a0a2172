package hostname_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
)

// TestForeignClient: another implementation of mDNS finds a box by its name.
func TestForeignClient(t *testing.T) {
	start(t, "cobox-7k3f9q")
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	client, err := mdns.NewServer(ipv4.NewPacketConn(conn), nil,
		mdns.WithInterfaces(loopback(t)), mdns.WithIncludeLoopback(true), mdns.WithQueryInterval(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, addr, err := client.QueryAddr(ctx, "cobox-7k3f9q.local"); err != nil || !addr.IsLoopback() {
		t.Errorf("it found %v, %v", addr, err)
	}
}
