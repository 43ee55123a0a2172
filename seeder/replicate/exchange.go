package replicate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cobox/seeder/feed"
)

// A Feed is a feed as it is stored. *store.Feed is one. All methods may be
// called from several goroutines at once.
type Feed interface {
	feed.Nodes // verified nodes, synced or not

	Key() feed.Key
	// State is the newest verified state, synced or not: what to verify against.
	State() feed.State
	// Durable is the newest state that is synced: what to serve and announce.
	Durable() feed.State
	// Known reports whether block i is stored, synced or not; Has whether it is synced.
	Known(i uint64) bool
	Has(i uint64) bool
	// Contiguous is the number of synced blocks before the first gap.
	Contiguous() uint64
	// Bits calls fn with the synced blocks; fn must not keep or change them.
	Bits(fn func(*feed.Bitfield))
	// Block appends the stored bytes of block i to buf[:0].
	Block(i uint64, buf []byte) ([]byte, error)
	// Put stores a verified batch; it keeps nothing of the batch's block value, but
	// for [Options.Keeps].
	Put(*feed.Batch) error
	// Watch calls fn after every change of what is synced. fn must not block.
	Watch(fn func()) (stop func())
	// Freeze keeps the evidence of a fork; Frozen returns it.
	Freeze(*feed.ForkError) error
	Frozen() *feed.ForkError
}

// ErrPeer says that a session ended because the peer broke the protocol or sent
// what does not verify.
var ErrPeer = errors.New("peer broke the protocol")

// ErrUnknownFeed says that the Exchange does not have the feed.
var ErrUnknownFeed = errors.New("feed is not replicated here")

// Config sets an Exchange up. The zero value is usable.
type Config struct {
	Log *slog.Logger // nil for none
	// RequestTimeout is how long a peer may sit on our requests before they are
	// given to others; 0 means 20 s.
	RequestTimeout time.Duration
	// WriteTimeout is how long a peer may leave us unable to write before it is cut off; 0 means 60 s.
	WriteTimeout time.Duration
	// Trace hears, line by line, what is said on every session: the peer's name,
	// "<" or ">", the beginning of the feed's discovery key, and the message by
	// name. Keys and blocks are not in it. nil for none. It must not block.
	Trace func(line string)
}

// Options say what to do with a feed.
type Options struct {
	// Download fetches every block that is missing. Without it only the head is
	// followed, and blocks are fetched when [Exchange.Fetch] asks for them.
	Download bool
	// Writer says that the feed is ours to write: nothing is fetched, and no
	// head of a peer's is followed, however long.
	Writer bool
	// Shun remembers, until the feed is removed, which peer has sent which block that does
	// not verify: [Exchange.Fetch] asks that peer no more for it, also on other sessions. It
	// is for those who soon know whether they get a block; what they miss may come back.
	Shun bool
	// Keeps says that the feed retains the value of a block that is put, which nobody
	// else uses then; [Release] takes it back. It is not changed by another Add.
	Keeps bool
	// Admit is asked before a new head is stored; its error refuses the head,
	// which is then tried again when the peer announces another one or after
	// [Exchange.Retry]. done is called afterwards and says whether the head was
	// stored. nil admits all. Neither may call the Exchange.
	Admit func(feed.State) (done func(stored bool), err error)
}

// An Exchange holds the feeds that are replicated and the sessions with peers.
// It is safe for concurrent use.
type Exchange struct {
	log            *slog.Logger
	trace          func(string)
	requestTimeout time.Duration
	writeTimeout   time.Duration
	stats          counters
	extra          atomic.Int64 // bytes of blocks that sessions keep beyond what each may always

	mu       sync.RWMutex
	replicas map[feed.DiscoveryKey]*replica // mu
	sessions map[*session]struct{}          // mu
}

// counters are the plain counts behind [Stats].
type counters struct {
	blocksIn, bytesIn, blocksOut, bytesOut        atomic.Uint64
	invalid, stalls, noData, duplicates, upgrades atomic.Uint64
}

// Stats are counts since the Exchange was made.
type Stats struct {
	Sessions, Feeds     int
	BlocksIn, BytesIn   uint64 // verified and stored
	BlocksOut, BytesOut uint64 // sent
	Upgrades            uint64 // new heads verified and stored
	InvalidProofs       uint64 // answers that did not verify; each cut its peer off
	Stalls              uint64 // times that a peer sat on requests until they were given to others
	NoData              uint64 // requests of peers that we could not answer with data
	Duplicates          uint64 // blocks that came although they were stored by then
}

// New returns an Exchange without feeds.
func New(cfg Config) *Exchange {
	x := &Exchange{
		log: cfg.Log, trace: cfg.Trace, requestTimeout: cfg.RequestTimeout, writeTimeout: cfg.WriteTimeout,
		replicas: make(map[feed.DiscoveryKey]*replica),
		sessions: make(map[*session]struct{}),
	}
	if x.log == nil {
		x.log = slog.New(slog.DiscardHandler)
	}
	if x.requestTimeout == 0 {
		x.requestTimeout = defaultRequestTimeout
	}
	if x.writeTimeout == 0 {
		x.writeTimeout = defaultWriteTimeout
	}
	return x
}

// Add makes a feed known to all sessions, or changes its options. Sessions that
// were asked to open it (see [Peer]), and those whose peer asked for it in vain,
// do so; sessions whose peer may not have it any more close it.
func (x *Exchange) Add(f Feed, o Options) {
	dk := f.Key().DiscoveryKey()
	x.mu.Lock()
	r := x.replicas[dk]
	if r == nil {
		r = newReplica(x, f, o)
		x.replicas[dk] = r
	}
	sessions := x.sessionsLocked()
	x.mu.Unlock()

	r.setOptions(o)
	for _, s := range sessions {
		s.reconsider(r)
	}
}

// Remove forgets a feed; channels about it are closed.
func (x *Exchange) Remove(key feed.Key) {
	dk := key.DiscoveryKey()
	x.mu.Lock()
	r := x.replicas[dk]
	delete(x.replicas, dk)
	x.mu.Unlock()
	if r != nil {
		r.remove()
	}
}

// Retry tries again what was refused, failed or lost for a feed: a head that
// Admit refused, storing after the disk was full, blocks that a scrub found bad.
func (x *Exchange) Retry(key feed.Key) {
	if r := x.find(key.DiscoveryKey()); r != nil {
		r.retry()
	}
}

// Fetch waits until the blocks are stored, synced or not, fetching what is
// missing from any peer that has it. Several calls may overlap; blocks are
// asked for in the order given. It waits for a peer as long as ctx lasts.
func (x *Exchange) Fetch(ctx context.Context, key feed.Key, indexes ...uint64) error {
	r := x.find(key.DiscoveryKey())
	if r == nil {
		return fmt.Errorf("fetching blocks of feed %s: %w", key.DiscoveryKey(), ErrUnknownFeed)
	}
	return r.fetch(ctx, indexes)
}

// Remote is what a peer said of its copy of a feed.
type Remote struct {
	Peer       string // as given in [Peer]
	Fork       uint64
	Length     uint64 // claimed, not verified
	Contiguous uint64 // blocks from the start that it says it has
}

// Progress is how replication of a feed stands.
type Progress struct {
	Remotes  []Remote  // the peers connected about it
	Inflight int       // blocks under way
	Last     time.Time // when a block or head was last stored; zero for never
	Problem  error     // why nothing can be stored at the moment, nil when it can
}

// Progress returns how replication of a feed stands; the zero Progress for an unknown feed.
func (x *Exchange) Progress(key feed.Key) Progress {
	if r := x.find(key.DiscoveryKey()); r != nil {
		return r.progress()
	}
	return Progress{}
}

// Watch calls fn whenever the [Progress] of a feed may have changed, until stop
// is called. fn must not block or call the Exchange.
func (x *Exchange) Watch(key feed.Key, fn func()) (stop func()) {
	r := x.find(key.DiscoveryKey())
	if r == nil {
		return func() {}
	}
	return r.watch(fn)
}

// Stats returns the counts so far.
func (x *Exchange) Stats() Stats {
	x.mu.RLock()
	sessions, feeds := len(x.sessions), len(x.replicas)
	x.mu.RUnlock()
	c := &x.stats
	return Stats{
		Sessions: sessions, Feeds: feeds,
		BlocksIn: c.blocksIn.Load(), BytesIn: c.bytesIn.Load(),
		BlocksOut: c.blocksOut.Load(), BytesOut: c.bytesOut.Load(),
		Upgrades: c.upgrades.Load(), InvalidProofs: c.invalid.Load(), Stalls: c.stalls.Load(),
		NoData: c.noData.Load(), Duplicates: c.duplicates.Load(),
	}
}

func (x *Exchange) find(dk feed.DiscoveryKey) *replica {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.replicas[dk]
}

func (x *Exchange) sessionsLocked() []*session {
	list := make([]*session, 0, len(x.sessions))
	for s := range x.sessions {
		list = append(list, s)
	}
	return list
}
