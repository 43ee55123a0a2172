package provision

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cobox/provision/chain"
	"cobox/seeder/durable"
)

// A ResetCard takes a box from whoever owns it: it begins another ownership,
// with a new code, once. Who can put a file on a box's card has the box in his
// hands; the rise of the epoch tells operators and partners that it happened.
// Like a [Card] it holds no secret. Reference: pairing, section 2.8.
type ResetCard struct {
	ID   chain.ID        // of this card: it is applied once
	Mode chain.ResetMode // what goes besides the operators
	Card Card            // in place of the box's
}

// ResetFile is where a reset card is put in the state folder.
const ResetFile = "own/reset"

// badResetFile is what it is called once it was refused, for a person to look at.
const badResetFile = "own/reset.bad"

// What a reset card's file says of itself.
const (
	resetProduct = "cobox-seeder"
	resetVersion = 1
	maxResetFile = 4 << 10 // bytes; it comes from outside
)

// ErrResetCard says that a file is no reset card for this kind of box, or not
// all of one.
var ErrResetCard = errors.New("not a reset card for this box: make one with mkimage reset-card")

// resetText is the file's JSON.
type resetText struct {
	Product string          `json:"product"`
	Version int             `json:"version"`
	Reset   chain.ID        `json:"reset"`
	Mode    chain.ResetMode `json:"mode"`
	Card    Card            `json:"card"`
}

// WriteResetCard writes a reset card to a file, in place of what is there.
func WriteResetCard(path string, c ResetCard) error {
	text, err := json.Marshal(resetText{resetProduct, resetVersion, c.ID, c.Mode, c.Card})
	if err == nil {
		err = durable.WriteFile(path, summed(text), 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing the reset card: %w", err)
	}
	return nil
}

// ReadResetCard reads what [WriteResetCard] writes. Errors wrap [ErrResetCard]
// when the file can be read and is no such card, whole and of this version.
func ReadResetCard(path string) (ResetCard, error) {
	f, err := os.Open(path)
	if err != nil {
		return ResetCard{}, fmt.Errorf("reading the reset card: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxResetFile+1))
	if err != nil {
		return ResetCard{}, fmt.Errorf("reading the reset card: %w", err)
	}
	return parseResetCard(text)
}

func parseResetCard(text []byte) (ResetCard, error) {
	var r resetText
	body, whole := unsummed(text)
	switch {
	case len(text) > maxResetFile:
		return ResetCard{}, fmt.Errorf("%w: it is longer than one", ErrResetCard)
	case !whole:
		return ResetCard{}, fmt.Errorf("%w: it is damaged, or was not wholly written", ErrResetCard)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return ResetCard{}, fmt.Errorf("%w: %w", ErrResetCard, err)
	}
	switch {
	case r.Product != resetProduct:
		return ResetCard{}, fmt.Errorf("%w: it is for %.32q", ErrResetCard, r.Product)
	case r.Version != resetVersion:
		return ResetCard{}, fmt.Errorf("%w: it has version %d, and this box knows %d", ErrResetCard, r.Version, resetVersion)
	case r.Card.Owner != Owner{}:
		return ResetCard{}, fmt.Errorf("%w: it names an owner, and a box is reset with a code alone", ErrResetCard)
	case r.Reset == chain.ID{} || r.Card.Claim.IsZero() || r.Mode != chain.Reowner && r.Mode != chain.Wipe:
		return ResetCard{}, fmt.Errorf("%w: something is missing", ErrResetCard)
	}
	return ResetCard{r.Reset, r.Mode, r.Card}, nil
}

// applyReset applies the reset card that lies in the state folder, if there is
// one. It is for Open, before the box's own card is read. The order of writes
// makes it whole whenever the power is cut: the chain says that the card was
// applied, then the box gets its code, then the file goes; what is found done is
// not done again.
func (a *Agent) applyReset() {
	path := filepath.Join(a.cfg.State, ResetFile)
	c, err := ReadResetCard(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err == nil:
		err = a.reset(c)
	}
	if errors.Is(err, ErrResetCard) || errors.Is(err, chain.ErrSpent) || errors.Is(err, chain.ErrFull) {
		a.log.Error("a reset card is not applied", "error", err)
		if err := errors.Join(os.Rename(path, filepath.Join(a.cfg.State, badResetFile)), durable.SyncDir(filepath.Dir(path))); err != nil {
			a.log.Error("putting a bad reset card aside", "error", err)
		}
		return
	}
	if err == nil {
		err = durable.Remove(path)
	}
	if err != nil {
		a.log.Error("applying a reset card: it is tried again at the next start", "error", err)
	}
}

func (a *Agent) reset(c ResetCard) error {
	claim := chain.ID(c.Card.Claim.ID())
	old, noOld := ReadCard(a.cfg.State)
	applied := slices.Contains(a.chain.State().Resets, c.ID)
	if a.damage != nil && noOld == nil && old.Claim == c.Card.Claim {
		applied = true // the chain has lost it, and the box has its code
	}
	if applied {
		a.log.Info("a reset card was applied before", "reset", c.ID)
	} else if err := a.appendReset(c); err != nil {
		return err
	}
	if a.chain.State().Claim != claim || noOld == nil && old == c.Card {
		return nil // a later card counts, or it is there
	}
	return WriteCard(a.cfg.State, c.Card)
}

// appendReset makes the chain say that the card was applied, also when it is
// damaged: then the epoch rises above any that the box is known to have had.
func (a *Agent) appendReset(c ResetCard) error {
	st := a.chain.State()
	f := chain.Reset{Reset: c.ID, Mode: c.Mode, Claim: chain.ID(c.Card.Claim.ID())}
	if a.damage != nil {
		if noted, ok := a.chain.Noted(); ok && noted.Epoch > st.Epoch {
			f.Epoch = noted.Epoch + 1
		}
		if err := a.setAside(c.ID); err != nil {
			// It matters to who wants to know what happened; the box's owner wants the box.
			a.log.Error("keeping the damaged chain of orders for evidence", "error", err)
		}
	}
	signed, err := chain.SignFact(a.cfg.Key, st.Head(), a.issued(), f)
	if err != nil {
		return err
	}
	if err := a.chain.Append(signed, chain.Conditions{}); err != nil {
		return err
	}
	a.damage = nil
	a.log.Warn("a reset card was applied: the box has a new code, and no owner", "reset", c.ID, "mode", c.Mode, "epoch", a.chain.State().Epoch)
	return nil
}

// evidenceDir holds the last chain that was found damaged and was given up.
const evidenceDir = "own/evidence"

// setAside copies a damaged chain before a reset cuts it off. When the reset is
// tried again after a power cut, the copy of the first time stays.
func (a *Agent) setAside(reset chain.ID) (err error) {
	dir := filepath.Join(a.cfg.State, evidenceDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, reset.String())
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range before { // one, so that they do not fill the card
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(a.chain.Salvage(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".part"))
	}
	return errors.Join(os.Rename(path+".part", path), durable.SyncDir(dir))
}
