package seeder

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/store"
)

// getStatus tells how the box stands; a partner hears nothing of others.
func (s *Seeder) getStatus(c caller, _ *http.Request) (any, error) {
	st := api.BoxStatus{
		ID: s.ID(), Version: s.cfg.Version, Started: s.started, Now: time.Now(), Pins: s.statuses(c),
	}
	if s.store == nil {
		st.Store.Trouble = s.cfg.Lack().Text
	}
	if !c.operator {
		st.Partners = []api.Partner{{Key: c.cert.Partner, Usage: s.usage(c.cert.Partner)}}
		return st, nil
	}
	st.Addrs = s.host.Addrs()
	st.Reach = s.host.Reachability()
	st.Hypercore = s.Hypercore()
	if s.store != nil {
		kept := s.store.Stats()
		st.Store = api.Store{Feeds: kept.Feeds, Blocks: kept.Blocks, Bytes: kept.Bytes, FreeBytes: kept.FreeBytes, Notice: s.cfg.Notice}
	}
	x := s.exchange.Stats()
	st.Traffic = api.Traffic{
		BlocksIn: x.BlocksIn, BytesIn: x.BytesIn, BlocksOut: x.BlocksOut, BytesOut: x.BytesOut,
		InvalidProofs: x.InvalidProofs, Stalls: x.Stalls, Sessions: x.Sessions,
	}
	for _, p := range s.host.Peers() {
		st.Peers = append(st.Peers, api.Peer{ID: p.ID.String(), Transport: p.Transport, Since: p.Since})
	}
	for _, g := range s.ledger.Grants() {
		st.Partners = append(st.Partners, api.Partner{Key: g.Partner, Usage: s.usage(g.Partner)})
	}
	return st, nil
}

// sampleTime is how long a sample takes at most.
const sampleTime = 5 * time.Second

// postSample reads blocks back for a short time, as fast as it goes: whoever has
// just changed the box's programs learns whether these can read its store.
func (s *Seeder) postSample(_ caller, r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), sampleTime)
	defer cancel()
	var sample api.Sample
	err := s.store.Scrub(ctx, 0, func(d store.Damage) {
		sample.Damaged++
		s.tally.damaged(d)
		s.exchange.Retry(d.Feed)
	})
	if sample.Whole = err == nil; !sample.Whole && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return sample, nil
}
