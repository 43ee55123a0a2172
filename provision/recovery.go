package provision

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// recoveryFile holds how long the box was up since a recovery was asked for. It
// is not in the chain: it changes every hour, and a chain only grows.
const recoveryFile = "own/recovery"

// A wait is how long the box was up since a recovery was asked for, as it is
// kept. It is counted in time that the box is switched on: that passes whatever
// time servers say, so that nobody shortens it with a false one. What was not
// written before a power cut is waited once more, and none of it counts twice.
type wait struct {
	Epoch  uint64        `json:"epoch"` // of the request, as is Seq
	Seq    uint64        `json:"seq"`
	Waited time.Duration `json:"waited"` // nanoseconds
}

// recoveries is what an agent knows of recoveries; all of it is the agent's mu.
type recoveries struct {
	latest chain.ID // the claim ID of the latest recovery key
	done   map[chain.ID]identity.OperatorKey
	kept   wait          // as on the disk when counting began
	began  time.Duration // the uptime then
}

// readWait returns what is on the disk; nothing when it cannot be read: then the
// waiting begins again.
func (a *Agent) readWait() (w wait) {
	text, err := os.ReadFile(filepath.Join(a.cfg.State, recoveryFile))
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err == nil && w.Waited < 0 {
		err = fmt.Errorf("it says %v", w.Waited)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.log.Warn("the waiting time of a recovery begins again", "error", err)
		}
		return wait{}
	}
	return w
}

// waitedLocked returns how long the recovery waits that st knows of; false when
// none does. The first question about a request begins the count.
func (a *Agent) waitedLocked(st *chain.State) (time.Duration, bool) {
	if st.Recovery.NewOwner.IsZero() {
		return 0, false
	}
	if r := &a.recovery; r.kept.Epoch != st.Epoch || r.kept.Seq != st.Recovery.Seq {
		r.kept, r.began = wait{Epoch: st.Epoch, Seq: st.Recovery.Seq}, a.cfg.Uptime()
	}
	return a.recovery.kept.Waited + max(0, a.cfg.Uptime()-a.recovery.began), true
}

// recoveryWait returns how long a recovery has to wait still; 0 when none waits.
func (a *Agent) recoveryWait(st *chain.State) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	waited, waits := a.waitedLocked(st)
	if !waits {
		return 0
	}
	// What is over, and not carried out yet, still waits a moment.
	return max(1, cmp.Or(a.cfg.RecoveryWait, chain.RecoveryWait)-waited)
}

// recover carries a recovery out when its waiting time is over, and keeps how
// long it has waited. It returns when to look again; 0 when none waits.
func (a *Agent) recover() (next time.Duration, err error) {
	if a.damage != nil {
		return 0, nil
	}
	need := cmp.Or(a.cfg.RecoveryWait, chain.RecoveryWait)
	for {
		st := a.chain.State()
		a.mu.Lock()
		waited, waits := a.waitedLocked(st)
		unkept := waited - a.recovery.kept.Waited
		a.mu.Unlock()
		switch {
		case !waits:
			return 0, nil
		case waited < need && unkept < keepEvery:
			return need - waited, nil
		case waited < need:
			return need - waited, a.keepWait(wait{st.Epoch, st.Recovery.Seq, waited})
		}
		fact, err := chain.SignFact(a.cfg.Key, st.Head(), a.issued(), chain.Recovered{Operator: st.Recovery.NewOwner})
		if err != nil {
			return 0, err
		}
		if _, err = a.append(fact, chain.Conditions{Waited: waited, Wait: a.cfg.RecoveryWait}); err == nil {
			a.log.Warn("the box was recovered: it has another owner", "owner", st.Recovery.NewOwner)
			return 0, nil
		}
		if !errors.Is(err, chain.ErrStale) { // an order came in between: look again, it may be the refusal
			return time.Minute, err
		}
	}
}

// keepWait writes how long a recovery has waited, and counts on from there.
func (a *Agent) keepWait(w wait) error {
	text, err := json.Marshal(w)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(a.cfg.State, recoveryFile), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("keeping how long the recovery has waited: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := &a.recovery; r.kept.Epoch == w.Epoch && r.kept.Seq == w.Seq {
		r.began += w.Waited - r.kept.Waited
		r.kept = w
	}
	return nil
}

// learnRecovery remembers what a recovery code stands for, and who has used it.
func (r *recoveries) learn(action chain.Action, claims map[chain.ID]chain.PublicKey) {
	switch f := action.(type) {
	case chain.SetRecovery:
		r.latest = chain.ID(label.ClaimKey(f.Key).ID())
		claims[r.latest] = f.Key
	case chain.Recovered:
		if r.done == nil {
			r.done = make(map[chain.ID]identity.OperatorKey)
		}
		r.done[r.latest] = f.Operator
	}
}
