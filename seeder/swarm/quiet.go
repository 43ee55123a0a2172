package swarm

import (
	"log/slog"
	"os"
	"sync"

	"github.com/libp2p/go-libp2p/gologshim"
)

// quiet keeps libp2p from writing to our standard error by itself. What matters
// comes back to us as an error; the rest would stand in the middle of a command's
// output, or put peers' addresses into a box's log. Set GOLOG_LOG_LEVEL to see it.
//
// These are settings of the process, because the libraries have no others.
var quiet = sync.OnceFunc(func() {
	// quic-go gives advice about the kernel's buffers. QUIC is our second choice.
	const quicAdvice = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
	if _, set := os.LookupEnv(quicAdvice); !set {
		_ = os.Setenv(quicAdvice, "true")
	}
	if os.Getenv("GOLOG_LOG_LEVEL") == "" {
		gologshim.SetDefaultHandler(slog.DiscardHandler)
	}
})
