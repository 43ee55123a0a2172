package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"text/tabwriter"
)

// What things weigh on the wire, in bytes, both directions and all headers. The first
// three are what the benchmarks of seeder/swarm measure, the others are worked out in
// seeder/SCALE.md.
const (
	question   = 1743        // asked of a peer that we are connected to, and its answer
	connection = 6945 - 1743 // to be connected: TCP, Noise, yamux, identify
	keptHour   = 5000        // a connection that is kept for an hour and not used
)

// show prints the tables.
func show(w io.Writer, boxes int, share float64, lookups int, seed uint64) {
	fmt.Fprintf(w, "Of the boxes %.0f %% answer for the DHT; %d look-ups of each size.\n\n", share*100, lookups)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(tw, "| boxes\t| questions a look-up\t| the most\t| round trips, one after another\t| look-ups to refresh\t| questions asked an hour\t| answered by a server an hour\t| the busiest server\t| KB an hour, asking\t| KB an hour, a server in all\t|")
	fmt.Fprintln(tw, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for n := 1000; ; n *= 10 {
		n = min(n, boxes)
		c := measure(n, share, lookups, seed)
		fmt.Fprintf(tw, "| %d\t| %.1f\t| %d\t| %.1f\t| %.1f\t| %.0f\t| %.0f\t| x %.1f\t| %.0f\t| %.0f\t|\n", n, c.questions, c.most, c.rounds, c.refresh,
			c.asked(), c.answered(share), c.busiest, c.askedBytes()/1e3, (c.askedBytes()+c.answeredBytes(share))/1e3)
		if n == boxes {
			break
		}
	}
	_ = tw.Flush() // errors of the standard output show nowhere
}

// A cost is what the DHT costs a box in an hour: the routing table is looked over
// once, and nothing else is put there or asked of it in any number.
type cost struct {
	questions float64 // of a look-up
	most      int
	rounds    float64 // of a look-up: round trips, one after the other
	refresh   float64 // look-ups in one round over the routing table
	busiest   float64 // questions to the server that was asked most, to the mean
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
	asked := make(map[uint64]int)
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
			for _, p := range l.asked {
				asked[p]++
			}
			done++
		}
	}
	for _, times := range asked {
		c.busiest = max(c.busiest, float64(times))
	}
	c.busiest /= float64(questions) / float64(len(n.ids))
	c.questions, c.rounds = float64(questions)/float64(done), float64(rounds)/float64(done)
	c.refresh = float64(perTable) / float64(tables)
	return c
}
