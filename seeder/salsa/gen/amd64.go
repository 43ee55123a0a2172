package main

import "fmt"

// A ymm has eight blocks. Of the sixteen registers two are for the moment, so that two
// words of the state lie on the stack; no step adds these two.
type ymm struct{ *printer }

var onStack = [2]int{0, 6}

// Where things lie on the stack, in vectors: the input's words, the two of the state, and
// half of a block while the other half is turned.
const (
	vector  = 32
	inputAt = 0
	stateAt = 16 * vector
	halfAt  = stateAt + 2*vector
	frame   = halfAt + 8*vector
)

// word is where a word of the state lies.
func (y ymm) word(i int) (place string, inMemory bool) {
	register := i
	for k, w := range onStack {
		if i == w {
			return fmt.Sprintf("%d(SP)", stateAt+vector*k), true
		}
		if i > w {
			register--
		}
	}
	return fmt.Sprintf("Y%d", register), false
}

func (y ymm) step(to, a, b, n int) {
	x, xInMemory := y.word(a)
	z, zInMemory := y.word(b)
	if xInMemory {
		if zInMemory {
			panic("gen: two words of a sum are on the stack")
		}
		x, z = z, x
	}
	y.Op("VPADDD %s, %s, Y14", z, x)
	y.Op("VPSLLD $%d, Y14, Y15", n)
	y.Op("VPSRLD $%d, Y14, Y14", 32-n)
	if t, inMemory := y.word(to); inMemory {
		y.Op("VPXOR Y14, Y15, Y15")
		y.Op("VPXOR %s, Y15, Y15", t)
		y.Op("VMOVDQU Y15, %s", t)
	} else {
		y.Op("VPXOR Y15, %s, %s", t, t)
		y.Op("VPXOR Y14, %s, %s", t, t)
	}
}

func amd64() []byte {
	p := new(printer)
	p.Begin("cobox/seeder/salsa/gen")
	p.lanes(8)
	y := ymm{p}
	p.Line("// func xorBlocks(dst, src *byte, n int, words *[16]uint32)")
	p.Line("// Requires: AVX2")
	p.Line("TEXT ·xorBlocks(SB), 0, $%d-32", frame)
	p.Op("MOVQ dst+0(FP), DI")
	p.Op("MOVQ src+8(FP), SI")
	p.Op("MOVQ n+16(FP), CX")
	p.Op("MOVQ words+24(FP), AX")
	for i := range 16 {
		p.Op("VPBROADCASTD %d(AX), Y0", 4*i)
		if i == 8 { // the counter
			p.Op("VPADDD lanes<>+0(SB), Y0, Y0")
		}
		p.Op("VMOVDQU Y0, %d(SP)", inputAt+vector*i)
	}
	p.Line("")
	p.Line("blocks:")
	for i := range 16 {
		if t, inMemory := y.word(i); inMemory {
			p.Op("VMOVDQU %d(SP), Y15", inputAt+vector*i)
			p.Op("VMOVDQU Y15, %s", t)
		} else {
			p.Op("VMOVDQU %d(SP), %s", inputAt+vector*i, t)
		}
	}
	p.Op("MOVQ $%d, DX", doubleRounds)
	p.Line("")
	p.Line("rounds:")
	doubleRound(y)
	p.Op("DECQ DX")
	p.Op("JNZ rounds")
	p.Line("")
	// The words 8 to 15 leave their registers, so that there is room to turn the others.
	for i := 8; i < 16; i++ {
		t, _ := y.word(i)
		p.Op("VPADDD %d(SP), %s, %s", inputAt+vector*i, t, t)
		p.Op("VMOVDQU %s, %d(SP)", t, halfAt+vector*(i-8))
	}
	for i := 7; i >= 0; i-- { // to the register of its number, which a later word has left
		if t, inMemory := y.word(i); inMemory {
			p.Op("VMOVDQU %s, Y%d", t, i)
			p.Op("VPADDD %d(SP), Y%d, Y%d", inputAt+vector*i, i, i)
		} else {
			p.Op("VPADDD %d(SP), %s, Y%d", inputAt+vector*i, t, i)
		}
	}
	y.xorHalf(0)
	p.Line("")
	for i := range 8 {
		p.Op("VMOVDQU %d(SP), Y%d", halfAt+vector*i, i)
	}
	y.xorHalf(vector)
	p.Line("")
	p.Op("VMOVDQU %d(SP), Y0", inputAt+vector*8)
	p.Op("VPADDD lanes<>+32(SB), Y0, Y0")
	p.Op("VMOVDQU Y0, %d(SP)", inputAt+vector*8)
	p.Op("ADDQ $512, SI")
	p.Op("ADDQ $512, DI")
	p.Op("DECQ CX")
	p.Op("JNZ blocks")
	p.Op("VZEROUPPER")
	p.Op("RET")
	return p.Bytes()
}

// xorHalf turns eight words of eight blocks, in Y0 to Y7, into that half of each block
// which begins at an offset, and encrypts it.
func (y ymm) xorHalf(offset int) {
	for i := 0; i < 8; i += 2 { // words in pairs: two blocks, in each half of the register
		y.Op("VPUNPCKLDQ Y%d, Y%d, Y%d", i+1, i, 8+i)
		y.Op("VPUNPCKHDQ Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for i := 0; i < 8; i += 4 { // in fours: one block, and the one four further
		for k := range 2 {
			y.Op("VPUNPCKLQDQ Y%d, Y%d, Y%d", 10+i+k, 8+i+k, i+2*k)
			y.Op("VPUNPCKHQDQ Y%d, Y%d, Y%d", 10+i+k, 8+i+k, i+2*k+1)
		}
	}
	for block := range 8 {
		which := 0x20
		if block >= 4 {
			which = 0x31
		}
		at := 64*block + offset
		y.Op("VPERM2I128 $%#x, Y%d, Y%d, Y8", which, 4+block%4, block%4)
		y.Op("VPXOR %d(SI), Y8, Y8", at)
		y.Op("VMOVDQU Y8, %d(DI)", at)
	}
}
