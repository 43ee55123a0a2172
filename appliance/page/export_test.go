package page

// The bounds of connections.
const (
	MaxConns   = maxConns
	MaxPerAddr = maxPerAddr
)
