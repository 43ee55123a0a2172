//go:build !amd64 && !arm64

package lanes

func widest() vector { return 1 }

func (v vector) compress(*work, int) { panic("lanes: there is one lane") }
