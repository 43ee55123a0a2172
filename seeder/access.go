package seeder

import (
	"fmt"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/identity"
)

// access knows which connected peers are whose devices. A peer enters with its
// certificate and leaves with its connection.
type access struct {
	mu      sync.Mutex
	devices map[identity.PeerID]identity.DeviceCert // mu
}

// maxDevices bounds the peers that are known at one time. The host's limit on
// connections is lower.
const maxDevices = 1024

// admit checks a device certificate against the peer that shows it.
func (a *access) admit(peer identity.PeerID, text string, now time.Time) (identity.DeviceCert, error) {
	st, err := identity.ParseStatement([]byte(text))
	if err != nil {
		return identity.DeviceCert{}, unauthorised(err)
	}
	key, err := peer.Key()
	if err != nil {
		return identity.DeviceCert{}, unauthorised(err)
	}
	cert, err := identity.OpenDeviceCert(st, identity.DeviceKey(key))
	if err == nil {
		err = cert.CheckTime(now)
	}
	if err != nil {
		return identity.DeviceCert{}, unauthorised(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.devices[peer]; !known && len(a.devices) >= maxDevices {
		return identity.DeviceCert{}, &api.Error{Code: api.Unauthorised, Text: "too many devices are connected", Hint: "try again later"}
	}
	a.devices[peer] = cert
	return cert, nil
}

func unauthorised(err error) error {
	return &api.Error{
		Code: api.Unauthorised,
		Text: fmt.Sprintf("checking the device certificate: %v", err),
		Hint: "renew it on a computer that has the recovery phrase",
	}
}

// who returns the certificate of a connected device.
func (a *access) who(peer identity.PeerID) (identity.DeviceCert, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cert, ok := a.devices[peer]
	return cert, ok
}

// left forgets a peer whose connection has ended.
func (a *access) left(peer identity.PeerID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.devices, peer)
}
