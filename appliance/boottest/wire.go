package boottest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
)

// A wire is another computer's place on the guest's own network: what the guest sends
// is seen there, and frames can be sent to it. (QEMU's usual network passes on single
// ports, and accepts connections for the guest.)
type wire struct {
	m        *monitor
	from, to net.Conn
	r        *bufio.Reader
	undo     []func() error
}

// openWire has QEMU connect to two sockets in the guest's folder.
func (g *Guest) openWire() (w *wire, err error) {
	w = &wire{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("joining the guest's network: %w", err), w.close())
		}
	}()
	if w.m, err = openMonitor(g.monitor); err != nil {
		return w, err
	}
	w.undo = append(w.undo, w.m.close)
	if w.from, err = w.connect("wire-from", filepath.Dir(g.monitor)); err != nil {
		return w, err
	}
	if w.to, err = w.connect("wire-to", filepath.Dir(g.monitor)); err != nil {
		return w, err
	}
	w.r = bufio.NewReader(w.from)
	if err := w.filter("wire-see", map[string]string{"qom-type": "filter-mirror", "queue": "rx", "outdev": "wire-from"}); err != nil {
		return w, err
	}
	return w, w.filter("wire-send", map[string]string{"qom-type": "filter-redirector", "queue": "tx", "indev": "wire-to"})
}

// connect makes a connection with QEMU under a name.
func (w *wire) connect(name, dir string) (net.Conn, error) {
	path := filepath.Join(dir, name)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	w.undo = append(w.undo, l.Close)
	type address struct {
		Type string            `json:"type"`
		Data map[string]string `json:"data"`
	}
	var add struct {
		ID      string `json:"id"`
		Backend struct {
			Type string `json:"type"`
			Data struct {
				Addr   address `json:"addr"`
				Server bool    `json:"server"`
			} `json:"data"`
		} `json:"backend"`
	}
	add.ID, add.Backend.Type = name, "socket"
	add.Backend.Data.Addr = address{"unix", map[string]string{"path": path}}
	if _, err := w.m.do("chardev-add", add); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, w.take("chardev-remove", name))
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	w.undo = append(w.undo, c.Close)
	return c, nil
}

func (w *wire) filter(name string, args map[string]string) error {
	args["id"], args["netdev"] = name, "n0"
	if _, err := w.m.do("object-add", args); err != nil {
		return err
	}
	w.undo = append(w.undo, w.take("object-del", name))
	return nil
}

// take returns what takes away what has a name in QEMU.
func (w *wire) take(command, name string) func() error {
	return func() error {
		_, err := w.m.do(command, map[string]string{"id": name})
		return err
	}
}

// close leaves the network.
func (w *wire) close() error {
	var errs []error
	for len(w.undo) > 0 {
		last := len(w.undo) - 1
		if err := w.undo[last](); !errors.Is(err, os.ErrClosed) && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
		w.undo = w.undo[:last]
	}
	return errors.Join(errs...)
}

// maxFrame bounds a frame, in bytes.
const maxFrame = 1 << 16

// send sends an Ethernet frame to the guest.
func (w *wire) send(frame []byte) error {
	_, err := w.to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
	return err
}

// receive returns the next Ethernet frame that the guest sends.
func (w *wire) receive() ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(w.r, n[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(w.r, frame)
	return frame, err
}
