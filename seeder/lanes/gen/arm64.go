package main

// A neon has two lanes. Sixteen registers are the state, V16 and V17 say how
// bytes move when a word is rotated by 24 and 16, four are for the moment, and
// V22 to V31 are words of the message, whose others lie on the stack.
type neon struct {
	*printer
	word   [16]int // the register of each word of the state
	moment [4]int
}

const (
	table24     = 16
	table16     = 17
	firstInReg  = 22 // the register of the message's word 0
	inRegisters = 10 // words of the message
	// stackSize is that of the other words, behind the return address and what
	// brings them to a multiple of 16.
	stackSize = (16-inRegisters)*16 + 8
)

func newNeon(p *printer) *neon {
	v := &neon{printer: p, moment: [4]int{18, 19, 20, 21}}
	for i := range v.word {
		v.word[i] = i
	}
	return v
}

// onStack is where on the stack a word of the message lies.
func onStack(m int) int { return 16 + 16*(m-inRegisters) }

func (v *neon) addMessage(a, m int) {
	from := firstInReg + m
	if m >= inRegisters {
		from = v.moment[a%4]
		v.Op("FMOVQ %d(RSP), F%d", onStack(m), from)
	}
	v.Op("VADD V%d.D2, V%d.D2, V%d.D2", from, v.word[a], v.word[a])
}

func (v *neon) add(a, b int) {
	v.Op("VADD V%d.D2, V%d.D2, V%d.D2", v.word[b], v.word[a], v.word[a])
}

func (v *neon) xor(a, b int) {
	v.Op("VEOR V%d.B16, V%d.B16, V%d.B16", v.word[b], v.word[a], v.word[a])
}

func (v *neon) rotate(n int, words, _ [4]int) {
	switch n {
	case 32:
		for _, w := range words {
			v.Op("VREV64 V%d.S4, V%d.S4", v.word[w], v.word[w])
		}
	case 63:
		// Twice the word, and the bit that fell out into its place below. What was
		// for the moment is the word then, and the other way round.
		for i, w := range words {
			v.Op("VADD V%d.D2, V%d.D2, V%d.D2", v.word[w], v.word[w], v.moment[i])
		}
		for i, w := range words {
			v.Op("VSRI $63, V%d.D2, V%d.D2", v.word[w], v.moment[i])
			v.word[w], v.moment[i] = v.moment[i], v.word[w]
		}
	default:
		table := table24
		if n == 16 {
			table = table16
		}
		for _, w := range words {
			v.Op("VTBL V%d.B16, [V%d.B16], V%d.B16", table, v.word[w], v.word[w])
		}
	}
}

func arm64() []byte {
	p := new(printer)
	p.Begin("cobox/seeder/lanes/gen")
	p.words("iv", iv[:]...)
	p.words("rotate", rotation(24, 0), rotation(24, 8), rotation(16, 0), rotation(16, 8))

	p.Line("// func compress2(w *work, n int)")
	p.Line("TEXT ·compress2(SB), NOSPLIT, $%d-16", stackSize)
	p.Op("MOVD w+0(FP), R0")
	p.Op("MOVD n+8(FP), R1")
	p.Op("MOVD %d(R0), R2", pointerAt)
	p.Op("MOVD %d(R0), R3", pointerAt+8)
	p.Op("MOVD $128, R5")
	p.Op("MOVD $rotate<>(SB), R4")
	p.Op("VLD1 (R4), [V%d.B16, V%d.B16]", table24, table16)
	p.Line("")
	p.Line("block2:")
	v := newNeon(p)
	v.loadMessage()
	p.Line("")
	for i := range 8 {
		p.Op("FMOVQ %d(R0), F%d", stateAt+rowSize*i, i)
	}
	p.Op("MOVD $iv<>(SB), R4")
	for i := range 8 {
		p.Op("VLD1R.P 8(R4), [V%d.D2]", 8+i)
	}
	p.Op("FMOVQ %d(R0), F18", countAt)
	p.Op("FMOVQ %d(R0), F19", finalAt)
	p.Op("VDUP R5, V20.D2")
	p.Op("VEOR V18.B16, V12.B16, V12.B16")
	p.Op("VEOR V19.B16, V14.B16, V14.B16")
	p.Op("VADD V20.D2, V18.D2, V18.D2")
	p.Op("FMOVQ F18, %d(R0)", countAt)
	p.Line("")
	rounds(v)
	p.Line("")
	for i := range 8 {
		at, old := stateAt+rowSize*i, v.moment[i%4]
		p.Op("FMOVQ %d(R0), F%d", at, old)
		v.xor(i, 8+i)
		p.Op("VEOR V%d.B16, V%d.B16, V%d.B16", old, v.word[i], v.word[i])
		p.Op("FMOVQ F%d, %d(R0)", v.word[i], at)
	}
	p.Op("SUBS $1, R1, R1")
	p.Op("BNE block2")
	p.Op("RET")
	return p.Bytes()
}

// loadMessage loads a block of each lane and turns rows into columns: a register
// has two words of one lane, and is to have one word of both.
func (v *neon) loadMessage() {
	for lane, from := range []string{"R2", "R3"} {
		for at := 8 * lane; at < 8*lane+8; at += 4 {
			v.Op("VLD1.P 64(%s), [V%d.D2, V%d.D2, V%d.D2, V%d.D2]", from, at, at+1, at+2, at+3)
		}
	}
	for m := range 16 {
		to := firstInReg + m
		if m >= inRegisters {
			to = v.moment[m%4]
		}
		v.Op("VZIP%d V%d.D2, V%d.D2, V%d.D2", 1+m%2, 8+m/2, m/2, to)
		if m >= inRegisters {
			v.Op("FMOVQ F%d, %d(RSP)", to, onStack(m))
		}
	}
}
