package main

// A neon has four blocks: V0 to V15 are the state, V16 and V17 are for the moment, and
// V18 to V21 for the message.
type neon struct{ *printer }

func (v neon) step(to, a, b, n int) {
	v.op("VADD V%d.S4, V%d.S4, V16.S4", a, b)
	v.op("VSHL $%d, V16.S4, V17.S4", n)
	v.op("VSRI $%d, V16.S4, V17.S4", 32-n)
	v.op("VEOR V17.B16, V%d.B16, V%d.B16", to, to)
}

// The numbers of the blocks lie in V22, that there are four more of them in V23.
const (
	counter = 22
	four    = 23
)

func arm64() []byte {
	p := new(printer)
	p.begin()
	p.lanes(4)
	v := neon{p}
	p.line("// func xorBlocks(dst, src *byte, n int, words *[16]uint32)")
	p.line("TEXT ·xorBlocks(SB), NOSPLIT, $0-32")
	p.op("MOVD dst+0(FP), R0")
	p.op("MOVD src+8(FP), R1")
	p.op("MOVD n+16(FP), R2")
	p.op("MOVD words+24(FP), R3")
	p.op("MOVD $lanes<>(SB), R4")
	p.op("VLD1 (R4), [V%d.S4, V%d.S4]", counter, four)
	p.line("")
	p.line("blocks:")
	v.input(nil)
	p.op("MOVD $%d, R6", doubleRounds)
	p.line("")
	p.line("rounds:")
	doubleRound(v)
	p.op("SUBS $1, R6")
	p.op("BNE rounds")
	p.line("")
	v.input(func(i int) { p.op("VADD V24.S4, V%d.S4, V%d.S4", i, i) })
	for i := 0; i < 16; i += 4 {
		// Four words of four blocks become a quarter of each: V(i+k) is block k's.
		v.op("VZIP1 V%d.S4, V%d.S4, V24.S4", i+1, i)
		v.op("VZIP2 V%d.S4, V%d.S4, V25.S4", i+1, i)
		v.op("VZIP1 V%d.S4, V%d.S4, V26.S4", i+3, i+2)
		v.op("VZIP2 V%d.S4, V%d.S4, V27.S4", i+3, i+2)
		v.op("VZIP1 V26.D2, V24.D2, V%d.D2", i)
		v.op("VZIP2 V26.D2, V24.D2, V%d.D2", i+1)
		v.op("VZIP1 V27.D2, V25.D2, V%d.D2", i+2)
		v.op("VZIP2 V27.D2, V25.D2, V%d.D2", i+3)
	}
	for block := range 4 {
		p.op("VLD1.P 64(R1), [V18.B16, V19.B16, V20.B16, V21.B16]")
		for quarter := range 4 {
			p.op("VEOR V%d.B16, V%d.B16, V%d.B16", 4*quarter+block, 18+quarter, 18+quarter)
		}
		p.op("VST1.P [V18.B16, V19.B16, V20.B16, V21.B16], 64(R0)")
	}
	p.op("VADD V%d.S4, V%d.S4, V%d.S4", four, counter, counter)
	p.op("SUBS $1, R2")
	p.op("BNE blocks")
	p.op("RET")
	return p.Bytes()
}

// input loads the input's words, into the state, or one after the other into V24 for use.
func (v neon) input(use func(i int)) {
	v.op("MOVD R3, R5")
	for i := range 16 {
		to := i
		if use != nil {
			to = 24
		}
		v.op("VLD1R.P 4(R5), [V%d.S4]", to)
		if i == 8 {
			v.op("VADD V%d.S4, V%d.S4, V%d.S4", counter, to, to)
		}
		if use != nil {
			use(i)
		}
	}
}
