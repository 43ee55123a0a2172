package api

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// PrintStatus writes a box's status for people.
func PrintStatus(w io.Writer, st *BoxStatus) {
	fmt.Fprintf(w, "box %s, version %s, up for %v\n", st.ID, st.Version, st.Now.Sub(st.Started).Round(1e9))
	for _, a := range st.Addrs {
		fmt.Fprintf(w, "  at %s\n", a)
	}
	if st.Hypercore != nil {
		fmt.Fprintf(w, "  at %s for Hypercore peers, key %s\n", st.Hypercore.Addr, st.Hypercore.Key)
	}
	if st.Store.Trouble != "" {
		fmt.Fprintf(w, "without its store: %s\n", st.Store.Trouble)
	} else {
		fmt.Fprintf(w, "keeps %d feeds, %d blocks, %s; %s free\n", st.Store.Feeds, st.Store.Blocks,
			humanize.Bytes(st.Store.Bytes), humanize.Bytes(st.Store.FreeBytes))
	}
	if st.Store.Notice != "" {
		fmt.Fprintln(w, st.Store.Notice)
	}
	fmt.Fprintf(w, "since start: %s in, %s out, %d proofs refused\n", humanize.Bytes(st.Traffic.BytesIn),
		humanize.Bytes(st.Traffic.BytesOut), st.Traffic.InvalidProofs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range st.Partners {
		fmt.Fprintf(t, "%s\t%s of %s\t%d of %d feeds\n", p.Key, humanize.Bytes(p.Usage.UsedBytes+p.Usage.ReservedBytes),
			humanize.Bytes(p.Usage.QuotaBytes), p.Usage.Feeds, p.Usage.MaxFeeds)
	}
	for _, p := range st.Pins {
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Pin.Feed.DiscoveryKey(), p.State, p.Why)
	}
	_ = t.Flush() // errors of w show at the caller's next write
}
