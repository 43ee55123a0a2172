package provision

import (
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
	"cobox/provision/label"
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
	Log       *slog.Logger // nil for none
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

	mu      sync.Mutex
	floor   chain.Floor                  // mu
	claims  map[chain.ID]chain.PublicKey // mu; claim keys of all codes that ever counted
	changed chan struct{}                // mu; closed and replaced when the state changes
	ended   []identity.PartnerKey        // mu; partners whose notice is over
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
	var err error
	if a.chain, err = chain.Open(filepath.Join(cfg.State, chainDir), a.box); a.chain == nil {
		return nil, err
	}
	if err != nil {
		a.damage = err
		a.log.Error("the box takes no orders and cannot be claimed", "error", err)
	}
	if a.card, a.noCard = ReadCard(cfg.State); a.noCard != nil {
		a.log.Warn("nobody can claim this box", "error", a.noCard)
	} else {
		a.claims[chain.ID(a.card.Claim.ID())] = chain.PublicKey(a.card.Claim)
	}
	for st, err := range a.chain.Entries(1) {
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the authority: %w", err), a.chain.Close())
		}
		a.learnClaim(st)
	}
	return a, nil
}

// Close closes the files.
func (a *Agent) Close() error { return a.chain.Close() }

// learnClaim remembers the claim key of an invite.
func (a *Agent) learnClaim(st identity.Statement) {
	e, err := chain.Read(st)
	if err != nil {
		return // the chain has read it before
	}
	if inv, ok := e.Action.(chain.Invite); ok {
		a.claims[inv.ID] = inv.ClaimKey
	}
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
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		c := a.clock()
		a.look(c)
		if c.Trusted && c.Now.Sub(kept) >= keepEvery {
			kept = c.Now
			text := c.Now.UTC().Format(time.RFC3339) + "\n"
			if err := durable.WriteFile(filepath.Join(a.cfg.State, timeFile), []byte(text), 0o600); err != nil {
				a.log.Error("keeping the time", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-minute.C:
		}
	}
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
	if a.damage != nil {
		return chain.Head{}, a.damage
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
	return a.append(st)
}

// append adds a statement to the chain and tells those who wait.
func (a *Agent) append(st identity.Statement) (chain.Head, error) {
	if err := a.chain.Append(st, chain.Conditions{Clock: a.clock()}); err != nil {
		return chain.Head{}, err
	}
	if what, err := chain.Describe(st); err == nil {
		a.log.Info("order taken in", "who", st.SignerText(), "what", what)
	}
	a.look(a.clock())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.learnClaim(st)
	a.changedLocked()
	return a.chain.State().Head(), nil
}

// An Offer is what a code stands for at the moment.
type Offer struct {
	ID    label.ClaimID
	Claim label.ClaimKey
	Role  chain.Role
	// UsedBy is who used the code already; the same key is told yes again, any
	// other that it is used up. Zero when nobody did.
	UsedBy [32]byte
	// LANOnly says that the code counts only from the box's own network.
	LANOnly bool
	// Late says that the time after power-on is over in which the box can be claimed.
	Late bool
}

// Find returns what a code stands for. Nothing is told of codes that never counted.
func (a *Agent) Find(id label.ClaimID) (Offer, bool) {
	if a.damage != nil {
		return Offer{}, false
	}
	a.mu.Lock()
	key, known := a.claims[chain.ID(id)]
	a.mu.Unlock()
	if !known {
		return Offer{}, false
	}
	st := a.chain.State()
	o := Offer{ID: id, Claim: label.ClaimKey(key)}
	o.UsedBy, _ = st.UsedBy(chain.ID(id))
	if inv, ok := st.Invite(chain.ID(id)); ok {
		o.Role = inv.Role
		return o, true
	}
	used := o.UsedBy != [32]byte{}
	if a.noCard == nil && id == a.card.Claim.ID() {
		o.Role, o.LANOnly, o.Late = chain.Owner, !a.card.Anywhere, a.cfg.Uptime() > a.card.window()
		return o, used || !st.Claimed() && (st.Claim == chain.ID{} || st.Claim == chain.ID(id))
	}
	return o, used
}

// ErrUsed says that somebody else has used a code.
var ErrUsed = errors.New("this code was used by somebody else")

// A Claim is the use of a code by somebody who has proved to hold it.
type Claim struct {
	ID         label.ClaimID
	Key        [32]byte // the new operator's or partner's
	SealedName chain.Sealed
	Evidence   chain.Evidence
}

// Redeem makes what a code stands for so: the key becomes the owner, an
// operator, or a partner. It is on the disk when Redeem returns nil. The same key
// may ask again and changes nothing; for others the error wraps [ErrUsed]. Other
// errors are those of the chain.
func (a *Agent) Redeem(c Claim) error {
	if a.damage != nil {
		return a.damage
	}
	for {
		st := a.chain.State()
		if by, used := st.UsedBy(chain.ID(c.ID)); used {
			if by == c.Key {
				return nil
			}
			return ErrUsed
		}
		fact, err := a.fact(st, c)
		if err != nil {
			return err
		}
		signed, err := chain.SignFact(a.cfg.Key, st.Head(), a.issued(), fact)
		if err != nil {
			return err
		}
		_, err = a.append(signed)
		if !errors.Is(err, chain.ErrStale) { // an operator's order came in between
			return err
		}
	}
}

// issued is the time to write into a fact: the best that the box knows.
func (a *Agent) issued() time.Time {
	if c := a.clock(); !c.Now.IsZero() {
		return c.Now
	}
	return time.Now()
}

func (a *Agent) fact(st *chain.State, c Claim) (chain.Fact, error) {
	inv, ok := st.Invite(chain.ID(c.ID))
	switch {
	case !ok && a.noCard == nil && c.ID == a.card.Claim.ID():
		return chain.Claimed{Claim: chain.ID(c.ID), Operator: c.Key, SealedName: c.SealedName, Evidence: c.Evidence}, nil
	case !ok:
		return nil, fmt.Errorf("using a code: %w", chain.ErrSpent)
	case inv.Role == chain.Partner:
		return chain.Redeemed{Invite: chain.ID(c.ID), Partner: c.Key, Evidence: c.Evidence}, nil
	}
	return chain.Redeemed{Invite: chain.ID(c.ID), Operator: c.Key, SealedName: c.SealedName, Evidence: c.Evidence}, nil
}
