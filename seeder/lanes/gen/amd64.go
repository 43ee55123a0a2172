package main

// The registers that the two functions share. The blocks' addresses lie in
// pointers; index counts up, so that one addition moves them all.
var pointers = [8]string{"R8", "R9", "R10", "R11", "R12", "R13", "CX", "DX"}

func amd64() []byte {
	p := new(printer)
	p.Begin("cobox/seeder/lanes/gen")
	p.words("iv", iv[:]...)
	p.words("step", 128)
	// AVX2 moves bytes within halves of 16.
	p.words("rotate24", rotation(24, 0), rotation(24, 8), rotation(24, 0), rotation(24, 8))
	p.words("rotate16", rotation(16, 0), rotation(16, 8), rotation(16, 0), rotation(16, 8))
	p.compress8()
	p.compress4()
	return p.Bytes()
}

// arguments loads the addresses of n lanes.
func (p *printer) arguments(lanes int) {
	p.Op("MOVQ w+0(FP), DI")
	p.Op("MOVQ n+8(FP), SI")
	for i := range lanes {
		p.Op("MOVQ %d(DI), %s", pointerAt+8*i, pointers[i])
	}
	p.Op("XORQ AX, AX")
}

// A zmm is AVX-512: 8 lanes. All 32 registers are in use: Z0 to Z15 are the
// state, Z16 to Z31 the words of the message.
type zmm struct{ *printer }

func (z zmm) addMessage(a, m int) { z.Op("VPADDQ Z%d, Z%d, Z%d", 16+m, a, a) }
func (z zmm) add(a, b int)        { z.Op("VPADDQ Z%d, Z%d, Z%d", b, a, a) }
func (z zmm) xor(a, b int)        { z.Op("VPXORQ Z%d, Z%d, Z%d", b, a, a) }

func (z zmm) rotate(n int, words, _ [4]int) {
	for _, w := range words {
		z.Op("VPRORQ $%d, Z%d, Z%d", n, w, w)
	}
}

func (p *printer) compress8() {
	p.Line("// func compress8(w *work, n int)")
	p.Line("// Requires: AVX512F")
	p.Line("TEXT ·compress8(SB), NOSPLIT, $0-16")
	p.arguments(8)
	p.Line("")
	p.Line("block8:")
	z := zmm{p}
	z.loadMessage(0)
	z.loadMessage(64)
	p.Line("")
	for i := range 8 {
		p.Op("VMOVDQU64 %d(DI), Z%d", stateAt+rowSize*i, i)
	}
	for i := range 8 {
		p.Op("VPBROADCASTQ iv<>+%d(SB), Z%d", 8*i, 8+i)
	}
	p.Op("VPXORQ %d(DI), Z12, Z12", countAt)
	p.Op("VPXORQ %d(DI), Z14, Z14", finalAt)
	p.Line("")
	rounds(z)
	p.Line("")
	for i := range 8 {
		p.Op("VPXORQ Z%d, Z%d, Z%d", 8+i, i, i)
		p.Op("VPXORQ %d(DI), Z%d, Z%d", stateAt+rowSize*i, i, i)
		p.Op("VMOVDQU64 Z%d, %d(DI)", i, stateAt+rowSize*i)
	}
	p.Op("VPBROADCASTQ step<>(SB), Z0")
	p.Op("VPADDQ %d(DI), Z0, Z0", countAt)
	p.Op("VMOVDQU64 Z0, %d(DI)", countAt)
	p.Op("ADDQ $128, AX")
	p.Op("DECQ SI")
	p.Op("JNZ block8")
	p.Op("VZEROUPPER")
	p.Op("RET")
	p.Line("")
}

// loadMessage loads eight words of every lane's block, from an offset on, and
// turns rows into columns: the words of a lane lie behind each other, and a
// register is to hold one word of all lanes.
func (z zmm) loadMessage(offset int) {
	to := 16 + offset/8
	for lane, from := range pointers {
		z.Op("VMOVDQU64 %d(%s)(AX*1), Z%d", offset, from, lane)
	}
	// Pairs of lanes: Z8+i has the words 0, 2, 4, 6 of lanes 2i and 2i+1 for even i.
	for pair := range 4 {
		z.Op("VPUNPCKLQDQ Z%d, Z%d, Z%d", 2*pair+1, 2*pair, 8+2*pair)
		z.Op("VPUNPCKHQDQ Z%d, Z%d, Z%d", 2*pair+1, 2*pair, 9+2*pair)
	}
	// Fours of lanes, and their halves: words 0 and 4, 2 and 6 (then 1 and 5, 3 and 7).
	for odd := range 2 {
		for four := range 2 {
			a, b := 8+4*four+odd, 10+4*four+odd
			z.Op("VSHUFI64X2 $0x88, Z%d, Z%d, Z%d", b, a, 4*odd+2*four)
			z.Op("VSHUFI64X2 $0xdd, Z%d, Z%d, Z%d", b, a, 4*odd+2*four+1)
		}
		low, high := 4*odd, 4*odd+2
		z.Op("VSHUFI64X2 $0x88, Z%d, Z%d, Z%d", high, low, to+odd)
		z.Op("VSHUFI64X2 $0x88, Z%d, Z%d, Z%d", high+1, low+1, to+2+odd)
		z.Op("VSHUFI64X2 $0xdd, Z%d, Z%d, Z%d", high, low, to+4+odd)
		z.Op("VSHUFI64X2 $0xdd, Z%d, Z%d, Z%d", high+1, low+1, to+6+odd)
	}
}

// A ymm is AVX2: 4 lanes. The 16 registers are the state; the words of the
// message lie on the stack, and so does the word that makes room for a moment.
type ymm struct{ *printer }

const spillAt = 16 * 32

func (y ymm) addMessage(a, m int) { y.Op("VPADDQ %d(SP), Y%d, Y%d", 32*m, a, a) }
func (y ymm) add(a, b int)        { y.Op("VPADDQ Y%d, Y%d, Y%d", b, a, a) }
func (y ymm) xor(a, b int)        { y.Op("VPXOR Y%d, Y%d, Y%d", b, a, a) }

func (y ymm) rotate(n int, words, others [4]int) {
	if n == 63 {
		y.Op("VMOVDQU Y%d, %d(SP)", others[3], spillAt)
	}
	for _, w := range words {
		switch n {
		case 32:
			y.Op("VPSHUFD $0xb1, Y%d, Y%d", w, w)
		case 63:
			y.Op("VPADDQ Y%d, Y%d, Y%d", w, w, others[3])
			y.Op("VPSRLQ $63, Y%d, Y%d", w, w)
			y.Op("VPXOR Y%d, Y%d, Y%d", others[3], w, w)
		default:
			y.Op("VPSHUFB rotate%d<>(SB), Y%d, Y%d", n, w, w)
		}
	}
	if n == 63 {
		y.Op("VMOVDQU %d(SP), Y%d", spillAt, others[3])
	}
}

func (p *printer) compress4() {
	p.Line("// func compress4(w *work, n int)")
	p.Line("// Requires: AVX2")
	p.Line("TEXT ·compress4(SB), NOSPLIT, $%d-16", spillAt+32)
	p.arguments(4)
	p.Line("")
	p.Line("block4:")
	y := ymm{p}
	for offset := 0; offset < 128; offset += 32 {
		y.loadMessage(offset)
	}
	p.Line("")
	for i := range 8 {
		p.Op("VMOVDQU %d(DI), Y%d", stateAt+rowSize*i, i)
	}
	for i := range 8 {
		p.Op("VPBROADCASTQ iv<>+%d(SB), Y%d", 8*i, 8+i)
	}
	p.Op("VPXOR %d(DI), Y12, Y12", countAt)
	p.Op("VPXOR %d(DI), Y14, Y14", finalAt)
	p.Line("")
	rounds(y)
	p.Line("")
	for i := range 8 {
		p.Op("VPXOR Y%d, Y%d, Y%d", 8+i, i, i)
		p.Op("VPXOR %d(DI), Y%d, Y%d", stateAt+rowSize*i, i, i)
		p.Op("VMOVDQU Y%d, %d(DI)", i, stateAt+rowSize*i)
	}
	p.Op("VPBROADCASTQ step<>(SB), Y0")
	p.Op("VPADDQ %d(DI), Y0, Y0", countAt)
	p.Op("VMOVDQU Y0, %d(DI)", countAt)
	p.Op("ADDQ $128, AX")
	p.Op("DECQ SI")
	p.Op("JNZ block4")
	p.Op("VZEROUPPER")
	p.Op("RET")
}

// loadMessage loads four words of every lane's block and turns rows into columns.
func (y ymm) loadMessage(offset int) {
	for lane, from := range pointers[:4] {
		y.Op("VMOVDQU %d(%s)(AX*1), Y%d", offset, from, lane)
	}
	for pair := range 2 {
		y.Op("VPUNPCKLQDQ Y%d, Y%d, Y%d", 2*pair+1, 2*pair, 4+2*pair)
		y.Op("VPUNPCKHQDQ Y%d, Y%d, Y%d", 2*pair+1, 2*pair, 5+2*pair)
	}
	for odd := range 2 {
		y.Op("VPERM2I128 $0x20, Y%d, Y%d, Y%d", 6+odd, 4+odd, 8)
		y.Op("VPERM2I128 $0x31, Y%d, Y%d, Y%d", 6+odd, 4+odd, 9)
		y.Op("VMOVDQU Y8, %d(SP)", 32*(offset/8+odd))
		y.Op("VMOVDQU Y9, %d(SP)", 32*(offset/8+2+odd))
	}
}
