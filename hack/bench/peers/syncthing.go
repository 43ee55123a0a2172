package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobox/hack/usage"
)

// syncthingSystem is Syncthing with an encrypted folder: the client sends, the host
// keeps what it cannot read, and a third device gets it back.
type syncthingSystem struct {
	dir, source  string
	client, host *syncDevice
	back         *syncDevice // who restores
	sequence     int64       // of the client, after the last backup
}

// A syncDevice is one Syncthing.
type syncDevice struct {
	home, folder, kind string
	id                 string
	port, gui          int
	daemon             *daemon
}

const syncKey = "bench" // of the programs' interface, on loopback

func newSyncDevice(ctx context.Context, home, folder, kind string) (*syncDevice, error) {
	d := &syncDevice{home: home, folder: folder, kind: kind}
	var c client
	_, err := c.run(ctx, "", "syncthing", "generate", "--home", home, "--no-default-folder", "--skip-port-probing")
	if err != nil {
		return nil, err
	}
	id, err := c.run(ctx, "", "syncthing", "--home", home, "--device-id")
	if err != nil {
		return nil, err
	}
	d.id = strings.TrimSpace(id)
	if d.port, err = freePort(); err != nil {
		return nil, err
	}
	d.gui, err = freePort()
	return d, err
}

// configure writes the configuration: the folder is shared with peers, and encrypted
// for those that are the host.
func (d *syncDevice) configure(peers ...*syncDevice) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<configuration version="35"><folder id="f" path="%s" type="%s" rescanIntervalS="0" fsWatcherEnabled="false"><minDiskFree unit="%%">0</minDiskFree><device id="%s"></device>`, d.folder, d.kind, d.id)
	for _, p := range peers {
		password := ""
		if p.kind == "receiveencrypted" {
			password = "bench"
		}
		fmt.Fprintf(&b, `<device id="%s"><encryptionPassword>%s</encryptionPassword></device>`, p.id, password)
	}
	b.WriteString(`</folder>`)
	for _, p := range append(peers, d) {
		fmt.Fprintf(&b, `<device id="%s" compression="never"><address>tcp://127.0.0.1:%d</address></device>`, p.id, p.port)
	}
	fmt.Fprintf(&b, `<gui enabled="true" tls="false"><address>127.0.0.1:%d</address><apikey>%s</apikey></gui><options><listenAddress>tcp://127.0.0.1:%d</listenAddress>`+
		`<globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled><relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>`+
		`<reconnectionIntervalS>1</reconnectionIntervalS><startBrowser>false</startBrowser><urAccepted>-1</urAccepted><crashReportingEnabled>false</crashReportingEnabled><autoUpgradeIntervalH>0</autoUpgradeIntervalH>`+
		`</options></configuration>`, d.gui, syncKey, d.port)
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return err
	}
	// A folder counts as there when it has this mark.
	if err := os.MkdirAll(filepath.Join(d.folder, ".stfolder"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.home, "config.xml"), []byte(b.String()), 0o600)
}

func (d *syncDevice) run(ctx context.Context) (err error) {
	if d.daemon, err = startDaemon(ctx, []string{"STNOUPGRADE=1", "STMONITORED=yes"}, "syncthing", "serve", "--home", d.home, "--no-browser", "--no-restart"); err != nil {
		return err
	}
	return d.daemon.await(ctx, func() error { return d.call(ctx, http.MethodGet, "/rest/system/ping", nil) })
}

func (d *syncDevice) call(ctx context.Context, method, path string, result any) error {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", d.gui, path), nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Key", syncKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("syncthing: %s %s", resp.Status, text)
	}
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal(text, result)
}

func (s *syncthingSystem) start(ctx context.Context, dir, source string) (err error) {
	s.dir, s.source = dir, source
	if s.client, err = newSyncDevice(ctx, filepath.Join(dir, "client"), source, "sendonly"); err != nil {
		return err
	}
	if s.host, err = newSyncDevice(ctx, filepath.Join(dir, "host"), filepath.Join(dir, "kept"), "receiveencrypted"); err != nil {
		return err
	}
	if s.back, err = newSyncDevice(ctx, filepath.Join(dir, "back"), filepath.Join(dir, "unused"), "receiveonly"); err != nil {
		return err
	}
	if err := s.host.configure(s.client, s.back); err != nil {
		return err
	}
	if err := s.client.configure(s.host); err != nil {
		return err
	}
	return s.host.run(ctx)
}

// backup begins with starting the client, which reads the folder; later ones ask it
// to read it again.
func (s *syncthingSystem) backup(ctx context.Context) error {
	if s.client.daemon == nil {
		if err := s.client.run(ctx); err != nil {
			return err
		}
	}
	had, err := s.host.state(ctx)
	if err != nil {
		return err
	}
	if err := s.client.call(ctx, http.MethodPost, "/rest/db/scan?folder=f", nil); err != nil {
		return err
	}
	want, err := s.client.state(ctx)
	if err != nil {
		return err
	}
	changed := want.Sequence > s.sequence
	s.sequence = want.Sequence
	return every(ctx, func() (bool, error) {
		var c struct {
			NeedBytes int64 `json:"needBytes"`
			NeedItems int   `json:"needItems"`
		}
		err := s.client.call(ctx, http.MethodGet, "/rest/db/completion?folder=f&device="+url.QueryEscape(s.host.id), &c)
		if err != nil || c.NeedBytes+int64(c.NeedItems) > 0 {
			return false, err
		}
		// What the host needs is told with a delay: it must have noted something new,
		// and have all files.
		have, err := s.host.state(ctx)
		return err == nil && have.whole(want) && (!changed || have.Sequence > had.Sequence), err
	})
}

// A folderState is what a Syncthing tells of its folder.
type folderState struct {
	State          string `json:"state"`
	NeedTotalItems int    `json:"needTotalItems"`
	LocalFiles     int    `json:"localFiles"`
	LocalBytes     int64  `json:"localBytes"`
	Sequence       int64  `json:"sequence"` // grows with each file that is noted
}

// whole reports whether a device that is to have what another one has, has it.
// Encrypted, files only grow.
func (f folderState) whole(of folderState) bool {
	return f.State == "idle" && f.NeedTotalItems == 0 && f.LocalFiles >= of.LocalFiles && f.LocalBytes >= of.LocalBytes
}

func (d *syncDevice) state(ctx context.Context) (f folderState, err error) {
	err = d.call(ctx, http.MethodGet, "/rest/db/status?folder=f", &f)
	return f, err
}

func every(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *syncthingSystem) restore(ctx context.Context, into string) error {
	want, err := s.client.state(ctx)
	if err != nil {
		return err
	}
	s.back.folder = into
	if err := s.back.configure(s.host); err != nil {
		return err
	}
	if err := s.back.run(ctx); err != nil {
		return err
	}
	return every(ctx, func() (bool, error) {
		have, err := s.back.state(ctx)
		return err == nil && have.whole(want), err
	})
}

func (s *syncthingSystem) restoreFile(context.Context, string, string) error { return notOffered{} }

func (s *syncthingSystem) used() (client, host usage.Process, err error) {
	for _, d := range []*syncDevice{s.client, s.back} {
		if d.daemon == nil {
			continue
		}
		u, err := d.daemon.used()
		if err != nil {
			return client, host, err
		}
		client.CPU += u.CPU
	}
	host, err = s.host.daemon.used()
	return client, host, err
}

func (s *syncthingSystem) stored() string { return s.host.folder }

func (s *syncthingSystem) end() {
	for _, d := range []*syncDevice{s.client, s.host, s.back} {
		if d != nil {
			d.daemon.end()
		}
	}
}
