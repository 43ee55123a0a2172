// Command gen writes the assembler of package lanes: BLAKE2b's compression
// function, straight down, for several messages side by side. It is the same
// round for every kind of processor; what differs is how a vector is loaded,
// turned and rotated.
//
//	go generate ./seeder/lanes
package main

import "cobox/hack/asmgen"

func main() { asmgen.Main(files()) }

// files returns what is generated, by name.
func files() map[string][]byte {
	return map[string][]byte{
		"compress_amd64.s": amd64(),
		"compress_arm64.s": arm64(),
	}
}

// sigma is the order of the message's words in each round (RFC 7693, section 2.7).
var sigma = [12][16]int{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
}

// iv is what every state begins from.
var iv = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// Where the parts of lanes.work lie: rows of 8 lanes.
const (
	rowSize   = 64
	stateAt   = 0                   // h, 8 rows
	countAt   = stateAt + 8*rowSize // t
	finalAt   = countAt + rowSize   // f
	pointerAt = finalAt + rowSize   // p
)

// A kind of vector code: each emits one step for the word of all lanes that is
// called by its number, 0 to 15.
type kind interface {
	addMessage(a, m int) // v[a] += m[m]
	add(a, b int)        // v[a] += v[b]
	xor(a, b int)        // v[a] ^= v[b]
	// rotate turns four words to the right by n bits. others are words that
	// are not touched meanwhile.
	rotate(n int, words, others [4]int)
}

// rounds emits the twelve rounds. The four quarter rounds of a half do not
// depend on each other, and go side by side.
func rounds(k kind) {
	columns := [4][4]int{{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}}
	diagonals := [4][4]int{{0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}}
	for _, s := range sigma {
		half(k, columns, s[:8])
		half(k, diagonals, s[8:])
	}
}

// half emits four quarter rounds (RFC 7693, section 3.1).
func half(k kind, g [4][4]int, m []int) {
	var a, b, c, d [4]int
	for i, q := range g {
		a[i], b[i], c[i], d[i] = q[0], q[1], q[2], q[3]
	}
	for part, turn := range [2][2]int{{32, 24}, {16, 63}} {
		for i := range g {
			k.addMessage(a[i], m[2*i+part])
		}
		each(k.add, a, b)
		each(k.xor, d, a)
		k.rotate(turn[0], d, b)
		each(k.add, c, d)
		each(k.xor, b, c)
		k.rotate(turn[1], b, d)
	}
}

func each(step func(a, b int), a, b [4]int) {
	for i := range a {
		step(a[i], b[i])
	}
}

// A printer collects a file.
type printer struct{ asmgen.Printer }

// words prints a table of constants.
func (p *printer) words(name string, list ...uint64) {
	for i, word := range list {
		p.Line("DATA %s<>+%d(SB)/8, $%#016x", name, 8*i, word)
	}
	p.Line("GLOBL %s<>(SB), RODATA|NOPTR, $%d", name, 8*len(list))
	p.Line("")
}

// rotation is a table for shuffling bytes that turns words of 8 bytes to the
// right by n bits: one of its own words, for the word that begins at byte at.
func rotation(n, at int) (word uint64) {
	for i := range 8 {
		word |= uint64(at+(i+n/8)%8) << (8 * i)
	}
	return word
}
