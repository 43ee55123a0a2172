package metrics

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"cobox/appliance/health"
	"cobox/seeder/api"
	"cobox/seeder/pin"
)

// states are all states of pins.
func states() []pin.State {
	return []pin.State{pin.Queued, pin.Replicating, pin.Complete, pin.Stalled, pin.OverQuota, pin.Frozen}
}

func (p page) seeder(s *Snapshot) {
	if s.Seeder == nil {
		return
	}
	p.store(s.Seeder)
	p.feeds(s.Seeder)
	p.replication(s.Seeder)
}

func (p page) store(s *api.Figures) {
	open := s.Store.Trouble == api.StoreOpen
	p.putBool("cobox_store_open", open)
	if !open {
		return
	}
	p.put("cobox_store_feeds", float64(s.Store.Feeds))
	p.putUint("cobox_store_blocks", s.Store.Blocks)
	p.putUint("cobox_store_block_bytes", s.Store.Bytes)
	p.putUint("cobox_store_index_bytes", s.Store.IndexBytes)
	p.putUint("cobox_store_pending_bytes", s.Store.PendingBytes)
	p.putUint("cobox_store_errors_total", s.Store.Errors.Read, "read")
	p.putUint("cobox_store_errors_total", s.Store.Errors.Write, "write")
	p.putUint("cobox_store_errors_total", s.Store.Errors.Index, "index")

	p.putBool("cobox_scrub_running", s.Scrub.Running)
	p.put("cobox_scrub_progress_ratio", min(max(s.Scrub.Progress, 0), 1))
	p.putTime("cobox_scrub_finished_timestamp_seconds", s.Scrub.Finished)
	p.putUint("cobox_scrub_checked_bytes_total", s.Scrub.CheckedBytes)
	p.putUint("cobox_scrub_damaged_blocks_total", s.Scrub.MendedBlocks, "mended")
	p.putUint("cobox_scrub_damaged_blocks_total", s.Scrub.LostBlocks, "lost")
	p.putUint("cobox_scrub_damaged_blocks", s.Scrub.Damaged)
}

func (p page) feeds(s *api.Figures) {
	for _, state := range states() {
		p.put("cobox_pins", float64(s.Pins[state]), string(state))
	}
	p.put("cobox_feeds_behind", float64(s.Feeds.Behind))
	p.putUint("cobox_feeds_backlog_blocks", s.Feeds.BacklogBlocks)
	p.putUint("cobox_feeds_backlog_bytes", s.Feeds.BacklogBytes)
	p.put("cobox_feeds_behind_seconds", s.Feeds.BehindFor.Seconds())
	p.putTime("cobox_feeds_newest_head_timestamp_seconds", s.Feeds.NewestHead)
	p.putUint("cobox_feeds_forks_total", s.Feeds.Forks)
}

func (p page) replication(s *api.Figures) {
	r := s.Replication
	p.put("cobox_replication_sessions", float64(r.Sessions))
	p.putUint("cobox_replication_received_blocks_total", r.ReceivedBlocks)
	p.putUint("cobox_replication_received_bytes_total", r.ReceivedBytes)
	p.putUint("cobox_replication_sent_blocks_total", r.SentBlocks)
	p.putUint("cobox_replication_sent_bytes_total", r.SentBytes)
	p.putUint("cobox_replication_heads_total", r.Heads)
	p.putUint("cobox_replication_invalid_proofs_total", r.InvalidProofs)
	p.putUint("cobox_replication_stalls_total", r.Stalls)
	p.putUint("cobox_replication_no_data_total", r.NoData)
	p.putUint("cobox_replication_duplicate_blocks_total", r.DuplicateBlocks)
	for _, c := range api.Connections {
		p.put("cobox_peers", float64(s.Peers[c]), string(c))
	}
	nat := oneOf(s.NAT, []api.NAT{api.PublicNAT, api.PrivateNAT})
	for _, state := range []api.NAT{api.PublicNAT, api.PrivateNAT, unknown} {
		p.putBool("cobox_nat_state", nat == state, string(state))
	}
	reach := oneOf(health.Reach(s.Reach), health.Reaches[:])
	for _, state := range append(health.Reaches[:], unknown) {
		p.putBool("cobox_reach_state", reach == state, string(state))
	}
}

// partners shows each partner by its number, and those beyond [MaxPartners] as one.
func (p page) partners(s *Snapshot) {
	list := slices.Clone(s.Partners)
	slices.SortFunc(list, func(a, b Partner) int { return cmp.Compare(a.Number, b.Number) })
	// Two of one number are a mistake of the caller's, and must not cost all metrics.
	list = slices.CompactFunc(list, func(a, b Partner) bool { return a.Number == b.Number })
	p.put("cobox_partners", float64(len(list)))
	shown := list[:min(len(list), MaxPartners)]
	asked := s.Seeder != nil
	for _, partner := range shown {
		p.partner("p"+strconv.FormatUint(partner.Number, 10), partner, asked)
	}
	if rest := list[len(shown):]; len(rest) > 0 {
		p.partner("other", sum(rest), asked)
	}
}

// partner shows one partner: what was granted, and when the seeder told (asked), what
// is kept.
func (p page) partner(name string, partner Partner, asked bool) {
	p.putUint("cobox_partner_quota_bytes", partner.QuotaBytes, name)
	p.put("cobox_partner_feeds_limit", float64(partner.MaxFeeds), name)
	p.putTime("cobox_partner_grant_ends_timestamp_seconds", partner.Until, name)
	if partner.Tolerance > 0 {
		p.put("cobox_partner_silence_tolerance_seconds", partner.Tolerance.Seconds(), name)
	}
	p.putTime("cobox_partner_seen_timestamp_seconds", partner.Seen, name)
	if !asked {
		return
	}
	p.putUint("cobox_partner_used_bytes", partner.UsedBytes, name)
	p.putUint("cobox_partner_reserved_bytes", partner.ReservedBytes, name)
	p.put("cobox_partner_feeds", float64(partner.Feeds), name)
	for _, state := range states() {
		p.put("cobox_partner_pins", float64(partner.Pins[state]), name, string(state))
	}
	p.putUint("cobox_partner_backlog_blocks", partner.BacklogBlocks, name)
	p.putTime("cobox_partner_newest_head_timestamp_seconds", partner.NewestHead, name)
}

// sum adds up what can be added. What is silent or ends first does not show in it.
func sum(list []Partner) Partner {
	all := Partner{Keeping: api.Keeping{Pins: make(map[pin.State]int)}}
	later := func(a, b time.Time) time.Time {
		if b.After(a) {
			return b
		}
		return a
	}
	for _, p := range list {
		all.QuotaBytes += p.QuotaBytes
		all.MaxFeeds += p.MaxFeeds
		all.UsedBytes += p.UsedBytes
		all.ReservedBytes += p.ReservedBytes
		all.Feeds += p.Feeds
		all.BacklogBlocks += p.BacklogBlocks
		all.NewestHead = later(all.NewestHead, p.NewestHead)
		all.Seen = later(all.Seen, p.Seen)
		for state, n := range p.Pins {
			all.Pins[state] += n
		}
	}
	return all
}
