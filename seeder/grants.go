package seeder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// grantsDir holds the grants in force, one file a partner: the statements as
// they were signed. They are not in Badger, so that a damaged store does not
// lose who may do what.
const grantsDir = "own/grants"

const grantSuffix = ".grant"

// trusts reports whether an operator's word counts here.
func (s *Seeder) trusts(k identity.OperatorKey) bool { return slices.Contains(s.cfg.Operators, k) }

// loadGrants reads the grants that the box was given. One that does not count
// (its operator is not trusted any more) is left where it is and reported.
func (s *Seeder) loadGrants() error {
	dir := filepath.Join(s.cfg.State, grantsDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the grants: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), grantSuffix) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("reading the grants: %w", err)
		}
		g, err := s.openGrant(text)
		if err != nil {
			s.log.Error("a grant does not count", "file", e.Name(), "error", err)
			continue
		}
		if err := g.CheckTime(time.Now()); err != nil {
			s.log.Warn("a grant has ended", "partner", g.Partner, "error", err)
			continue
		}
		s.ledger.SetGrant(g)
	}
	return nil
}

func (s *Seeder) openGrant(text []byte) (identity.Grant, error) {
	st, err := identity.ParseStatement(text)
	if err != nil {
		return identity.Grant{}, err
	}
	g, _, err := identity.OpenGrant(st, s.trusts, s.key)
	return g, err
}

// AddGrant takes in a grant, as a statement's text, that a trusted operator
// signed for this box. A grant that is older than the one in force changes nothing.
func (s *Seeder) AddGrant(text []byte) (identity.Grant, error) {
	if s.cfg.Authority {
		return identity.Grant{}, &api.Error{Code: api.BadRequest, Text: "this box takes grants from its authority alone", Hint: "coboxctl invite"}
	}
	g, err := s.openGrant(text)
	if err == nil {
		err = g.CheckTime(time.Now())
	}
	if err != nil {
		return g, &api.Error{Code: api.BadRequest, Text: fmt.Sprintf("taking in a grant: %v", err),
			Hint: "the grant must be for this box, signed by an operator whom it was started with"}
	}
	s.grantMu.Lock()
	defer s.grantMu.Unlock()
	path := filepath.Join(s.cfg.State, grantsDir, strings.TrimPrefix(g.Partner.String(), "partner:")+grantSuffix)
	if old, err := os.ReadFile(path); err == nil {
		if before, err := s.openGrant(old); err == nil && !g.Replaces(before) {
			return before, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return g, fmt.Errorf("taking in a grant: %w", err)
	}
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return g, fmt.Errorf("keeping a grant: %w", err)
	}
	s.ledger.SetGrant(g)
	s.log.Info("grant taken in", "partner", g.Partner, "quota", g.QuotaBytes)
	s.retryAll() // what was over quota may fit now
	return g, nil
}

// endGrants takes the grants away that have ended: what is pinned stays, and
// can be fetched, but nothing grows.
func (s *Seeder) endGrants(now time.Time) {
	for _, g := range s.ledger.Grants() {
		if err := g.CheckTime(now); err != nil {
			s.log.Warn("a grant has ended", "partner", g.Partner)
			s.ledger.RemoveGrant(g.Partner)
		}
	}
}
