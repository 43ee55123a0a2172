package lanes

//go:noescape
func compress2(w *work, n int)

func widest() vector { return 2 }

func (v vector) compress(w *work, n int) {
	if v == 2 {
		compress2(w, n)
	}
}
