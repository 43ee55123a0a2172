package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"text/tabwriter"
)

// What things weigh on the wire, in bytes, both directions and all headers.
const (
	// BenchmarkLookup and BenchmarkKept of seeder/swarm.
	question   = 1743        // asked of a peer that we are connected to, and its answer
	connection = 6945 - 1743 // to be connected: TCP, Noise, yamux, identify
	keptHour   = 58_080      // a connection that is kept for an hour and not used
	block      = 542e6 / 609 // a block of cobox, of a folder of large files
	opened     = 1024        // a feed that is opened and closed and has nothing new: generous
	scrape     = 6068        // the metrics of a box with ten partners, compressed
	draws      = 46          // a day: seeder/audit
	scrapes    = 3600.0 / 15 // an hour: metrics/prometheus.yml
	digest     = 80          // an answer to a draw without the block: two hashes and two numbers
	day        = 24.0        // hours
	bootstraps = 3           // peers
)

// What a box has to do with. Ten million feeds in three copies are 300 on each of a
// hundred thousand boxes.
const (
	partners = 30.0
	copies   = 3
	feeds    = 10 // of a partner
)

// show prints the tables.
func show(w io.Writer, boxes int, share float64, lookups int, seed uint64) {
	fmt.Fprintf(w, "Of the boxes %.0f %% answer for the DHT; %d look-ups of each size.\n\n", share*100, lookups)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(tw, "| boxes\t| questions a look-up\t| the most\t| round trips, one after another\t| look-ups to refresh\t| questions asked an hour\t| answered by a server an hour\t| KB an hour, asking\t| KB an hour, a server in all\t|")
	fmt.Fprintln(tw, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for n := 1000; ; n *= 10 {
		n = min(n, boxes)
		c := measure(n, share, lookups, seed)
		fmt.Fprintf(tw, "| %d\t| %.1f\t| %d\t| %.1f\t| %.1f\t| %.0f\t| %.0f\t| %.0f\t| %.0f\t|\n", n, c.questions, c.most, c.rounds, c.refresh,
			c.asked(), c.answered(share), c.askedBytes()/1e3, (c.askedBytes()+c.answeredBytes(share))/1e3)
		if n == boxes {
			_ = tw.Flush() // errors of the standard output show nowhere
			showBox(w, c, share)
			return
		}
	}
}

// showBox prints what a box costs in an hour, in all.
func showBox(w io.Writer, c cost, share float64) {
	lookup := c.questions * (question + connection)
	visit := float64(connection + feeds*opened)
	fmt.Fprintf(w, "\nA box with %.0f partners of %d feeds each, in %d copies:\n\n", partners, feeds, copies)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(tw, "| what\t| KB an hour\t|")
	fmt.Fprintln(tw, "|---\t|---\t|")
	row := func(what string, bytes float64) { fmt.Fprintf(tw, "| %s\t| %.0f\t|\n", what, bytes/1e3) }
	row("the routing table is looked over", c.askedBytes())
	row("a server's answers to others who do so", c.answeredBytes(share))
	row("bootstrap peers, while the table is small", bootstraps*keptHour)
	row("each feed, announced", 0)
	row("each partner's other boxes are visited, once a day, and come", 2*partners*visit/day)
	row("the same, if every address had to be looked up", 2*partners*(visit+lookup)/day)
	row("audits by all partners, with blocks", partners*draws*block/day)
	row("audits by the partners' other boxes, with digests", partners*(copies-1)*draws*digest/day)
	row("one operator's Prometheus", scrapes*scrape)
	_ = tw.Flush()
}

// A cost is what the DHT costs a box in an hour: the routing table is looked over
// once, and nothing else is put there or asked of it in any number.
type cost struct {
	questions float64 // of a look-up
	most      int
	rounds    float64 // of a look-up: round trips, one after the other
	refresh   float64 // look-ups in one round over the routing table
}

func (c cost) asked() float64                      { return c.questions * c.refresh }
func (c cost) answered(share float64) float64      { return c.asked() / share }
func (c cost) askedBytes() float64                 { return c.asked() * (question + connection) }
func (c cost) answeredBytes(share float64) float64 { return c.askedBytes() / share }

// measure simulates the look-ups of boxes chosen by chance: a round over the routing
// table, again and again.
func measure(boxes int, share float64, lookups int, seed uint64) (c cost) {
	n := newNetwork(max(int(float64(boxes)*share), 1), seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var done, rounds, questions, tables, perTable int
	for done < lookups {
		from := r.Uint64() // a box that only asks; servers ask as often
		tables++
		targets := n.refreshes(r, from)
		perTable += len(targets)
		for _, target := range targets {
			l := n.find(from, target)
			questions += len(l.asked)
			rounds += l.rounds
			c.most = max(c.most, len(l.asked))
			done++
		}
	}
	c.questions, c.rounds = float64(questions)/float64(done), float64(rounds)/float64(done)
	c.refresh = float64(perTable) / float64(tables)
	return c
}
