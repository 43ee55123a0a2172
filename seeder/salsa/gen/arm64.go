package main

// A neon has four blocks: V0 to V15 are the state, V16 and V17 are for the moment, and
// V18 to V21 for the message.
type neon struct{ *printer }

func (v neon) step(to, a, b, n int) {
	v.Op("VADD V%d.S4, V%d.S4, V16.S4", a, b)
	v.Op("VSHL $%d, V16.S4, V17.S4", n)
	v.Op("VSRI $%d, V16.S4, V17.S4", 32-n)
	v.Op("VEOR V17.B16, V%d.B16, V%d.B16", to, to)
}

// The numbers of the blocks lie in V22, that there are four more of them in V23.
const (
	counter = 22
	four    = 23
)

func arm64() []byte {
	p := new(printer)
	p.Begin("cobox/seeder/salsa/gen")
	p.lanes(4)
	v := neon{p}
	p.Line("// func xorBlocks(dst, src *byte, n int, words *[16]uint32)")
	p.Line("TEXT ·xorBlocks(SB), NOSPLIT, $0-32")
	p.Op("MOVD dst+0(FP), R0")
	p.Op("MOVD src+8(FP), R1")
	p.Op("MOVD n+16(FP), R2")
	p.Op("MOVD words+24(FP), R3")
	p.Op("MOVD $lanes<>(SB), R4")
	p.Op("VLD1 (R4), [V%d.S4, V%d.S4]", counter, four)
	p.Line("")
	p.Line("blocks:")
	v.input(nil)
	p.Op("MOVD $%d, R6", doubleRounds)
	p.Line("")
	p.Line("rounds:")
	doubleRound(v)
	p.Op("SUBS $1, R6")
	p.Op("BNE rounds")
	p.Line("")
	v.input(func(i int) { p.Op("VADD V24.S4, V%d.S4, V%d.S4", i, i) })
	for i := 0; i < 16; i += 4 {
		// Four words of four blocks become a quarter of each: V(i+k) is block k's.
		v.Op("VZIP1 V%d.S4, V%d.S4, V24.S4", i+1, i)
		v.Op("VZIP2 V%d.S4, V%d.S4, V25.S4", i+1, i)
		v.Op("VZIP1 V%d.S4, V%d.S4, V26.S4", i+3, i+2)
		v.Op("VZIP2 V%d.S4, V%d.S4, V27.S4", i+3, i+2)
		v.Op("VZIP1 V26.D2, V24.D2, V%d.D2", i)
		v.Op("VZIP2 V26.D2, V24.D2, V%d.D2", i+1)
		v.Op("VZIP1 V27.D2, V25.D2, V%d.D2", i+2)
		v.Op("VZIP2 V27.D2, V25.D2, V%d.D2", i+3)
	}
	for block := range 4 {
		p.Op("VLD1.P 64(R1), [V18.B16, V19.B16, V20.B16, V21.B16]")
		for quarter := range 4 {
			p.Op("VEOR V%d.B16, V%d.B16, V%d.B16", 4*quarter+block, 18+quarter, 18+quarter)
		}
		p.Op("VST1.P [V18.B16, V19.B16, V20.B16, V21.B16], 64(R0)")
	}
	p.Op("VADD V%d.S4, V%d.S4, V%d.S4", four, counter, counter)
	p.Op("SUBS $1, R2")
	p.Op("BNE blocks")
	p.Op("RET")
	return p.Bytes()
}

// input loads the input's words, into the state, or one after the other into V24 for use.
func (v neon) input(use func(i int)) {
	v.Op("MOVD R3, R5")
	for i := range 16 {
		to := i
		if use != nil {
			to = 24
		}
		v.Op("VLD1R.P 4(R5), [V%d.S4]", to)
		if i == 8 {
			v.Op("VADD V%d.S4, V%d.S4, V%d.S4", counter, to, to)
		}
		if use != nil {
			use(i)
		}
	}
}
