package provision

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// Config says how an agent runs. State and Key are required.
type Config struct {
	State   string             // the state folder
	Key     ed25519.PrivateKey // the box key
	Version string
	Built   time.Time // when this version was built: no time before it is believed
	// Uptime tells how long the box has been on; nil: since the agent was opened.
	Uptime func() time.Duration
	// TimeKnown reports whether a time server has answered since the box was
	// switched on; nil: the system's clock is right, as on a laptop.
	TimeKnown func() bool
	// RecoveryWait is how long the box has to be up before a recovery takes place;
	// 0 means chain.RecoveryWait, which leaves operators the time to refuse. Less
	// is for trials.
	RecoveryWait time.Duration
	// Passive keeps partners out, and takes in no invite: the box only answers its
	// operators, such as one whose card may be a copy.
	Passive bool
	// ReadOnly says why nothing that the agent is told can be kept; nil when it can.
	// It then takes in no order and no code, and only answers.
	ReadOnly error
	// Troubles say what operators have to know of the machine, each in a sentence
	// that says what to do.
	Troubles []string
	// Board is the board that the box runs on, as it is known by; empty when nobody cares.
	Board string
	// AcceptBoard makes the box go on on the board that it runs on, once an operator
	// has said so; nil where there is nothing to decide.
	AcceptBoard func() error
	// Updates takes in releases; nil on a computer that is no appliance.
	Updates *Updates
	Log     *slog.Logger // nil for none
}

// An Agent is the box's authority. It is safe for concurrent use.
type Agent struct {
	cfg    Config
	log    *slog.Logger
	box    identity.BoxKey
	opened time.Time
	chain  *chain.Log
	damage error // of the chain: only reading is possible
	card   Card
	noCard error // why there is no card

	mu       sync.Mutex
	floor    chain.Floor                  // mu
	claims   map[chain.ID]chain.PublicKey // mu; claim keys of all codes that ever counted
	recovery recoveries                   // mu
	changed  chan struct{}                // mu; closed and replaced when the state changes
	ended    []identity.PartnerKey        // mu; partners whose notice is over
	seen     time.Time                    // mu; when an operator was last there
	reached  bool                         // mu; since the agent was opened
	seenKept time.Time                    // mu; what of it is on the disk
}

// timeFile holds the last known good time, so that a box without a clock of its
// own does not go back behind it.
const timeFile = "own/time"

// chainDir is the chain's folder.
const chainDir = "own/chain"

// Open opens the authority of a state folder. A chain that is damaged is no
// error: the agent then lets it be read, and takes nothing in.
func Open(cfg Config) (*Agent, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{
		cfg: cfg, log: cfg.Log, box: identity.BoxKeyOf(cfg.Key), opened: time.Now(),
		claims: make(map[chain.ID]chain.PublicKey), changed: make(chan struct{}),
	}
	if a.cfg.Uptime == nil {
		a.cfg.Uptime = func() time.Duration { return time.Since(a.opened) }
	}
	if a.cfg.TimeKnown == nil {
		a.cfg.TimeKnown = func() bool { return true }
		a.cfg.Built = time.Now() // the system's clock is right, so that it may begin from here
	}
	if err := durable.Mkdir(filepath.Join(cfg.State, "own"), 0o700); err != nil {
		return nil, fmt.Errorf("opening the authority: %w", err)
	}
	a.floor = chain.NewFloor(a.cfg.Built, a.keptTime())
	a.seen = a.readSeen()
	a.seenKept = a.seen
	a.recovery.kept, a.recovery.began = a.readWait(), a.cfg.Uptime()
	var err error
	if a.chain, err = chain.Open(filepath.Join(cfg.State, chainDir), a.box); a.chain == nil {
		return nil, err
	}
	if err != nil {
		a.damage = err
	}
	if _, err := durable.Clean(filepath.Join(cfg.State, "own")); err != nil { // the chain's lock keeps others away
		a.log.Warn("tidying the authority's folder", "error", err)
	}
	if cfg.ReadOnly == nil {
		a.applyReset()
	}
	if a.damage != nil {
		a.log.Error("the box takes no orders and cannot be claimed: a reset card is the way on", "error", a.damage)
	}
	if a.card, a.noCard = ReadCard(cfg.State); a.noCard != nil {
		a.log.Warn("nobody can claim this box", "error", a.noCard)
	} else {
		a.claims[chain.ID(a.card.Claim.ID())] = chain.PublicKey(a.card.Claim)
		if err := a.takeOwner(); err != nil {
			a.log.Error("making the box its owner's: it is tried again at the next start", "error", err)
		}
	}
	for st, err := range a.chain.Entries(1) {
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the authority: %w", err), a.chain.Close())
		}
		a.learn(st)
	}
	a.waitedLocked(a.chain.State()) // nobody else has the agent yet
	return a, nil
}

// Close closes the files.
func (a *Agent) Close() error { return a.chain.Close() }

// learn remembers the claim keys of invites and recovery codes. The agent's mu
// is held, or nobody else has the agent.
func (a *Agent) learn(st identity.Statement) {
	e, err := chain.Read(st)
	if err != nil {
		return // the chain has read it before
	}
	if inv, ok := e.Action.(chain.Invite); ok {
		a.claims[inv.ID] = inv.ClaimKey
	}
	a.recovery.learn(e.Action, a.claims)
}

// keptTime reads the last known good time; zero when there is none.
func (a *Agent) keptTime() time.Time {
	text, err := os.ReadFile(filepath.Join(a.cfg.State, timeFile))
	if err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return time.Time{}
	}
	return t
}

// clock returns what the box knows of the time.
func (a *Agent) clock() chain.Clock {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.floor.Read(time.Now(), a.cfg.TimeKnown())
}

// keepEvery is how often the last known good time is written: seldom, for the
// sake of the card.
const keepEvery = time.Hour

// Run looks after what depends on the time until ctx is done.
func (a *Agent) Run(ctx context.Context) error {
	kept := time.Time{}
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		a.mu.Lock()
		changed := a.changed
		a.mu.Unlock()
		a.acceptBoard()
		next, err := a.recover()
		if err != nil {
			a.log.Error("looking after a recovery", "error", err)
		}
		c := a.clock()
		a.look(c)
		if a.cfg.ReadOnly == nil {
			a.keepSeen()
		}
		if c.Trusted && a.cfg.ReadOnly == nil && c.Now.Sub(kept) >= keepEvery {
			kept = c.Now
			text := c.Now.UTC().Format(time.RFC3339) + "\n"
			if err := durable.WriteFile(filepath.Join(a.cfg.State, timeFile), []byte(text), 0o600); err != nil {
				a.log.Error("keeping the time", "error", err)
			}
		}
		if next <= 0 || next > time.Minute {
			next = time.Minute
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-timer.C:
		}
	}
}

// acceptBoard has carried out what an operator decided about the board, once.
func (a *Agent) acceptBoard() {
	if a.cfg.AcceptBoard == nil || a.damage != nil || a.chain.State().Board != a.cfg.Board {
		return
	}
	if err := a.cfg.AcceptBoard(); err != nil {
		a.log.Error("going on on this board: it is tried again", "error", err)
		return
	}
	a.log.Info("the box goes on on this board", "board", a.cfg.Board)
	a.cfg.AcceptBoard = nil
}

// look finds the partners whose notice is over.
func (a *Agent) look(c chain.Clock) {
	if !c.Trusted || a.damage != nil {
		return
	}
	access := a.chain.State().Access()
	var ended []identity.PartnerKey
	for _, p := range access.Partners {
		if until := access.KeepUntil(p); !until.IsZero() && c.Now.After(until) {
			ended = append(ended, p.Key)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(ended) != len(a.ended) {
		a.ended = ended
		a.changedLocked()
	}
}

func (a *Agent) changedLocked() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// State returns the state of the chain. It does not change, and the caller must
// not change it.
func (a *Agent) State() *chain.State { return a.chain.State() }

// Order takes in an operator's order, a statement as text.
func (a *Agent) Order(text []byte) (chain.Head, error) {
	if err := cmp.Or(a.damage, a.cfg.ReadOnly); err != nil {
		return chain.Head{}, err
	}
	st, err := identity.ParseStatement(text)
	if err != nil {
		return chain.Head{}, err
	}
	e, err := chain.Read(st)
	if err != nil {
		return chain.Head{}, err
	}
	if _, ok := e.Action.(chain.Order); !ok {
		return chain.Head{}, fmt.Errorf("taking in an order: %w: %s is for the box itself to say", identity.ErrContext, chain.Kind(e.Action))
	}
	return a.append(st, chain.Conditions{})
}

// append adds a statement to the chain and tells those who wait. The clock is
// the agent's.
func (a *Agent) append(st identity.Statement, c chain.Conditions) (chain.Head, error) {
	c.Clock = a.clock()
	if err := a.chain.Append(st, c); err != nil {
		return chain.Head{}, err
	}
	if what, err := chain.Describe(st); err == nil {
		a.log.Info("order taken in", "who", st.SignerText(), "what", what)
	}
	a.look(a.clock())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.learn(st)
	a.waitedLocked(a.chain.State()) // a recovery's waiting begins now
	a.changedLocked()
	return a.chain.State().Head(), nil
}
