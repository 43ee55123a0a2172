package lanes

import "golang.org/x/sys/cpu"

//go:noescape
func compress8(w *work, n int)

//go:noescape
func compress4(w *work, n int)

func widest() vector {
	switch {
	case cpu.X86.HasAVX512F:
		return 8
	case cpu.X86.HasAVX2:
		return 4
	}
	return 1
}

func (v vector) compress(w *work, n int) {
	switch v {
	case 8:
		compress8(w, n)
	case 4:
		compress4(w, n)
	}
}
