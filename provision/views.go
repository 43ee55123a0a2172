package provision

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobox/appliance/disk"
	"cobox/appliance/health"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/seeder/api"
	"cobox/seeder/durable"
)

// Views are what operators see of the box beside its chain. What is nil is not there.
type Views struct {
	Health  func() health.Report
	Metrics func(w io.Writer) error // in Prometheus' text format
	Disks   func() ([]disk.Disk, error)
	// DataDisk tells how the data disk is.
	DataDisk func() disk.Standing
	// Troubles say what else operators have to know just now, as Config.Troubles.
	Troubles func() []string
	// Targets are where metrics are served on the local network, host:port.
	Targets func() []string
}

// metricsType is the content type of Prometheus' text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// handleViews answers operators who look at the box.
func (s *Server) handleViews(handle func(pattern string, need chain.Role, fn func(http.ResponseWriter, *http.Request, chain.Role))) {
	if s.views.Health != nil {
		handle("GET /v1/health", chain.Observer, func(w http.ResponseWriter, _ *http.Request, _ chain.Role) {
			api.WriteAnswer(w, s.views.Health())
		})
	}
	handle("GET "+control.DisksPath, chain.Observer, s.getDisks)
	if s.views.Metrics != nil {
		handle("GET /v1/metrics", chain.Observer, s.getMetrics)
	}
	if s.views.Targets != nil {
		// Observers read metrics by themselves; the token is for operators to give away.
		handle("GET /v1/scrape", chain.Operator, s.getScrape)
	}
}

func (s *Server) getDisks(w http.ResponseWriter, _ *http.Request, _ chain.Role) {
	if s.views.Disks == nil {
		api.WriteError(w, &api.Error{Code: control.NoAppliance, Text: "this box is not an appliance, but programs on somebody's computer: its disks are that computer's"})
		return
	}
	disks, err := s.views.Disks()
	if err != nil {
		s.log.Error("listing the disks", "error", err)
		api.WriteError(w, err)
		return
	}
	answer := control.Disks{Disks: disks}
	if s.views.DataDisk != nil {
		answer.Data = s.views.DataDisk()
	}
	api.WriteAnswer(w, answer)
}

func (s *Server) getMetrics(w http.ResponseWriter, _ *http.Request, _ chain.Role) {
	var page strings.Builder // whole or not at all
	if err := s.views.Metrics(&page); err != nil {
		s.log.Error("showing metrics", "error", err)
		api.WriteError(w, fmt.Errorf("showing metrics: %w", err))
		return
	}
	w.Header().Set("Content-Type", metricsType)
	_, _ = io.WriteString(w, page.String()) // the caller has gone when this fails
}

func (s *Server) getScrape(w http.ResponseWriter, _ *http.Request, _ chain.Role) {
	answer := control.Scrape{}
	if answer.Token, answer.On = s.agent.MetricsToken(); answer.On {
		answer.Targets = s.views.Targets()
	}
	api.WriteAnswer(w, answer)
}

// metricsLAN is the setting by which metrics are served on the local network.
const metricsLAN = "metrics-lan"

// metricsTokenInfo is the purpose for which the box key's seed gives the token.
const metricsTokenInfo = "cobox/metrics-token/v1"

// MetricsToken returns the token with which metrics can be read on the local
// network, and whether they can at all: while the setting is on, of a box that has
// an owner. The token follows from the box key, the ownership and the order that
// turned the setting on: it is the same after a restart, and another one after each
// such order, and for each owner.
func (a *Agent) MetricsToken() (token string, on bool) {
	st := a.chain.State()
	if a.damage != nil || !st.Claimed() || st.Settings[metricsLAN] != "on" {
		return "", false
	}
	info := fmt.Sprintf("%s %d %d", metricsTokenInfo, st.Epoch, st.Switched[metricsLAN])
	secret, err := hkdf.Key(sha256.New, a.cfg.Key.Seed(), nil, info, 32)
	if err != nil {
		panic("provision: " + err.Error()) // the length is a constant
	}
	return base64.RawURLEncoding.EncodeToString(secret), true
}

// Changed returns what is closed when something of the agent's state changes.
func (a *Agent) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// seenFile holds when an operator was last there, so that a restart does not make
// an operator of one who has forgotten the box.
const seenFile = "own/operator-seen"

// OperatorSeen returns when an operator's program last spoke with the box; zero when
// none has.
func (a *Agent) OperatorSeen() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen
}

// noteSeen notes that an operator is there now.
func (a *Agent) noteSeen() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen, a.reached = time.Now(), true
}

// Reached reports whether an operator has spoken with the box since the agent was opened.
func (a *Agent) Reached() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reached
}

// NotBefore returns a time that has passed for certain.
func (a *Agent) NotBefore() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.floor.Good()
}

// readSeen reads when an operator was last there; zero when nobody knows.
func (a *Agent) readSeen() time.Time {
	text, err := os.ReadFile(filepath.Join(a.cfg.State, seenFile))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}
	}
	if err == nil {
		var t time.Time
		if t, err = time.Parse(time.RFC3339, strings.TrimSpace(string(text))); err == nil {
			return t
		}
	}
	a.log.Warn("reading when an operator was last here", "error", err)
	return time.Time{}
}

// keepSeen writes when an operator was last there, at most once an hour.
func (a *Agent) keepSeen() {
	a.mu.Lock()
	seen, kept := a.seen, a.seenKept
	a.mu.Unlock()
	if seen.Sub(kept) < keepEvery {
		return
	}
	if err := durable.WriteFile(filepath.Join(a.cfg.State, seenFile), []byte(seen.UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		a.log.Error("keeping when an operator was here", "error", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seenKept = seen
}
