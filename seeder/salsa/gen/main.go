// Command gen writes the assembler of package salsa: Salsa20's core for several blocks
// side by side, of which a vector holds the same word. What differs from processor to
// processor is how vectors are added and turned, and how words become blocks again.
//
//	go generate ./seeder/salsa
package main

import "cobox/hack/asmgen"

func main() { asmgen.Main(files()) }

// files returns what is generated, by name.
func files() map[string][]byte {
	return map[string][]byte{
		"salsa_amd64.s": amd64(),
		"salsa_arm64.s": arm64(),
	}
}

// A kind of vector code emits one step for the words of all blocks that are called by
// their numbers, 0 to 15.
type kind interface {
	// step is x[to] ^= (x[a] + x[b]) <<< n.
	step(to, a, b, n int)
}

// The quarter rounds of a columnround and of a rowround (the specification of Salsa20,
// sections 3 to 5): in each, a word is changed by the two before it, cyclically.
var (
	columns = [4][4]int{{0, 4, 8, 12}, {5, 9, 13, 1}, {10, 14, 2, 6}, {15, 3, 7, 11}}
	rows    = [4][4]int{{0, 1, 2, 3}, {5, 6, 7, 4}, {10, 11, 8, 9}, {15, 12, 13, 14}}
	turns   = [4]int{7, 9, 13, 18}
)

const doubleRounds = 10

// doubleRound emits two rounds. The quarter rounds of each do not depend on each other,
// and go side by side.
func doubleRound(k kind) {
	for _, round := range [2][4][4]int{columns, rows} {
		for i, n := range turns {
			for _, q := range round {
				k.step(q[(i+1)%4], q[i], q[(i+3)%4], n)
			}
		}
	}
}

// A printer collects a file.
type printer struct{ asmgen.Printer }

// lanes prints the numbers of the blocks that go side by side, and how many they are.
func (p *printer) lanes(n int) {
	for i := range n {
		p.Line("DATA lanes<>+%d(SB)/4, $%d", 4*i, i)
	}
	for i := range n {
		p.Line("DATA lanes<>+%d(SB)/4, $%d", 4*(n+i), n)
	}
	p.Line("GLOBL lanes<>(SB), RODATA|NOPTR, $%d", 8*n)
	p.Line("")
}
