package build

import "bytes"

// slipSize is the room for what a card is told when it is flashed.
const slipSize = 4096

func blankSlip() []byte { return bytes.Repeat([]byte{' '}, slipSize) }
