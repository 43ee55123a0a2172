package seeder

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// listenSocket opens a socket in the state folder. Only the user that runs the seeder
// can connect; what a seeder left that was killed is replaced, since the lock
// on the state folder says that no other is running.
func listenSocket(path string) (net.Listener, error) {
	if err := durable.Mkdir(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replacing the socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket: %w (a socket's path is at most about 100 bytes: use a shorter state folder)", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
