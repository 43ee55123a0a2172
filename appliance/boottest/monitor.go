package boottest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
)

// A monitor gives orders to a running QEMU (its QMP).
type monitor struct {
	conn net.Conn
	r    *bufio.Reader
}

func openMonitor(socket string) (*monitor, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	m := &monitor{conn, bufio.NewReader(conn)}
	if _, err := m.r.ReadString('\n'); err != nil { // the greeting
		return nil, errors.Join(err, conn.Close())
	}
	if _, err := m.do("qmp_capabilities", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

func (m *monitor) do(command string, args any) (json.RawMessage, error) {
	text, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return nil, err
	}
	if _, err := m.conn.Write(append(text, '\n')); err != nil {
		return nil, err
	}
	for {
		line, err := m.r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
			Event  string
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return nil, err
		}
		switch {
		case answer.Event != "":
		case answer.Error != nil:
			return nil, fmt.Errorf("QEMU on %s: %s", command, answer.Error.Desc)
		default:
			return answer.Return, nil
		}
	}
}

func (m *monitor) close() error { return m.conn.Close() }
