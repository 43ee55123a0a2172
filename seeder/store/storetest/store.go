package storetest

import (
	"context"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/store"
)

// A Feed is a feed in a store: see [store.Feed] for what the methods promise.
type Feed interface {
	feed.Nodes
	Key() feed.Key
	State() feed.State
	Durable() feed.State
	Known(i uint64) bool
	Has(i uint64) bool
	Contiguous() uint64
	Held() (blocks, bytes uint64)
	Bits(fn func(*feed.Bitfield))
	Block(i uint64, buf []byte) ([]byte, error)
	Put(*feed.Batch) error
	Flush(context.Context) error
	SetManifest(*feed.Manifest) error
	Append(ctx context.Context, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) (uint64, error)
	Extend(ctx context.Context, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) (uint64, func() error, error)
	Clear(start, end uint64) error
	Reclaim() error
	Watch(fn func()) (stop func())
	Freeze(*feed.ForkError) error
	Frozen() *feed.ForkError
	Thaw() error
	Truncations() []store.Truncation
}

// A Store keeps feeds: see [store.Store] for what the methods promise.
type Store interface {
	Create(feed.Key) (Feed, error)
	Feed(feed.Key) (Feed, error)
	Feeds() []feed.Key
	Delete(feed.Key) error
	PutPin(pin.Pin) error
	DeletePin(feed.Key, identity.PartnerKey) error
	Pins() ([]pin.Pin, error)
	PutMeta(name string, value []byte) error
	Meta(name string) ([]byte, error)
	Expire(now time.Time, retention time.Duration) error
	Scrub(ctx context.Context, bytesPerSecond int, report func(store.Damage)) error
	Stats() store.Stats
	Close() error
}

// Of returns a real store as a [Store].
func Of(s *store.Store) Store { return real{s} }

type real struct{ *store.Store }

func (r real) Create(key feed.Key) (Feed, error) {
	f, err := r.Store.Create(key)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r real) Feed(key feed.Key) (Feed, error) {
	f, err := r.Store.Feed(key)
	if err != nil {
		return nil, err
	}
	return f, nil
}
