// Command scale works out what a cooperative of very many boxes costs each of them in
// an hour. How many questions a look-up in the DHT takes comes from a simulation with
// the parameters of ours; what a question, a connection and the rest weigh comes from
// measurements, which seeder/SCALE.md names. It prints the tables of that file.
//
//	go run ./hack/scale
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	boxes := flag.Int("boxes", 100_000, "how many `boxes` there are at most")
	share := flag.Float64("servers", 0.3, "the `part` of the boxes that strangers can reach: they answer for the DHT")
	lookups := flag.Int("lookups", 2000, "how many `look-ups` are simulated for each size")
	seed := flag.Uint64("seed", 1, "what the simulation begins with: a `number`")
	flag.Parse()
	if *boxes < 1000 || *share <= 0 || *share > 1 || *lookups < 1 {
		fmt.Fprintln(os.Stderr, "scale: error: -boxes is at least 1000, -servers above 0 and at most 1, -lookups at least 1")
		os.Exit(2)
	}
	show(os.Stdout, *boxes, *share, *lookups, *seed)
}
