package client

import "cobox/seeder/swarm"

// Tuned returns cfg with the limits of a partner's program: it knows few peers, all of
// them boxes, and runs where memory is less scarce than on a box. A restore over a line of
// 200 ms and 100 Mbit/s with a queue of 100 ms has 3.75 MB under way; the window is
// twice that. All windows of a box together may hold 128 MiB of what it sends unasked.
func Tuned(cfg swarm.Config) swarm.Config {
	cfg.Familiar = func(swarm.PeerID) bool { return true }
	cfg.Limits.FamiliarWindowBytes = 8 << 20
	cfg.Limits.StreamsPerPeer = 16                    // that it opens; twice as many are ours
	cfg.Limits.PeerMemoryBytes = (16 + 32) * 10 << 20 // four fifths of it for wide windows
	cfg.Limits.MemoryBytes = 1 << 30
	return cfg
}
