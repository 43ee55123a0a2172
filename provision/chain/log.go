package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"cobox/seeder/identity"
)

// A Log is a chain on the disk: all statements in one file, and beside it the
// head, a small file that is written after a statement is synced and before
// anybody is told. So after a power cut it can be told apart what was cut off
// while it was being written, which nobody was told of and which is dropped,
// and what was lost later, which is damage.
//
// A Log is safe for concurrent use. Its folder is locked until [Log.Close].
type Log struct {
	state atomic.Pointer[State] // what is in it does not change

	mu      sync.Mutex // one append at a time
	disk    disk
	offsets []int64       // of the entries' texts: offsets[seq-1]; mu
	damage  *DamagedError // only reading, mending and a reset; mu
	broken  error         // no more appends; mu
	torn    int64         // bytes dropped when it was opened
	noted   Head          // as the disk had it when it was opened; zero when it had none that can be read
}

// Open opens the log in dir, which is the log's own folder and is made if it is
// not there, of the box with that key.
//
// When the chain is damaged, the error wraps [ErrDamaged] and the log is there
// too: its state is that of the longest good beginning, which may lack the
// removal of an operator. Take nothing for granted by it: let operators read
// and the reset card work, see [Log.Mend], and refuse all else. In particular a
// damaged log whose state has no owner is not a box that can be claimed.
// With every other error the log is nil.
func Open(dir string, box identity.BoxKey) (*Log, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, plain("opening", err)
	}
	return open(d, box)
}

func open(d disk, box identity.BoxKey) (*Log, error) {
	l, err := load(d, box)
	if err == nil && l.damage == nil {
		err = l.settle()
	}
	if err != nil {
		return nil, errors.Join(plain("opening", err), d.Close())
	}
	if l.damage != nil {
		return l, plain("opening", l.damage)
	}
	l.refill()
	return l, nil
}

// Load returns the state of the log in dir and changes nothing there, nor does
// it lock: for a disk that can only be read. The state may come with an error
// wrapping [ErrDamaged], see [Open].
func Load(dir string, box identity.BoxKey) (*State, error) {
	d, err := openFolderToRead(dir)
	if err != nil {
		return nil, plain("reading", err)
	}
	l, err := load(d, box)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, plain("reading", err)
	}
	if l.damage != nil {
		return l.State(), plain("reading", l.damage)
	}
	return l.State(), nil
}

// load reads the disk without changing it.
func load(d disk, box identity.BoxKey) (l *Log, err error) {
	size, err := d.Size()
	if err != nil {
		return nil, err
	}
	l = &Log{disk: d, offsets: []int64{0}}
	s := New(box)
	noted, err := d.ReadHead()
	// A log that is new has nothing yet; one that lost its files has its reserve.
	_, noReserve := d.Reserved()
	if isMissing(err) && size == 0 && isMissing(noReserve) {
		l.state.Store(s)
		return l, nil
	}
	var head Head
	if err == nil {
		head, err = parseHead(noted, box)
		l.noted = head
	}

	var at Hash // of the entry that the head names
	bad := replay(s, io.NewSectionReader(d, 0, size), func(identity.Statement) {
		l.offsets = append(l.offsets, s.Bytes)
		if s.Seq == head.Seq {
			at = s.Last
		}
	})
	l.state.Store(s)
	switch {
	case err != nil:
		l.damage = &DamagedError{s.Seq + 1, fmt.Errorf("reading its head: %w", err)}
	case s.Seq < head.Seq && bad != nil:
		l.damage = &DamagedError{s.Seq + 1, bad}
	case s.Seq < head.Seq:
		l.damage = &DamagedError{s.Seq + 1, fmt.Errorf("it had %d entries and now ends here", head.Seq)}
	case at != head.Hash:
		l.damage = &DamagedError{head.Seq, errors.New("it is not the entry that was written")}
	case errors.Is(bad, errDisk):
		l.damage = &DamagedError{s.Seq + 1, bad}
	}
	l.torn = size - s.Bytes
	return l, nil
}

// settle makes the disk say what the state says: it cuts off what was never
// wholly written, and notes as head what was.
func (l *Log) settle() error {
	if l.torn > 0 {
		if err := l.disk.Truncate(l.State().Bytes); err != nil {
			return err
		}
	}
	text := headText(l.State())
	if noted, err := l.disk.ReadHead(); err == nil && bytes.Equal(noted, text) && l.torn == 0 {
		return nil
	}
	// After a kill, unlike a power cut, what is read may not be on the disk yet.
	if err := l.disk.Sync(); err != nil {
		return err
	}
	return l.withRoom(func() error { return l.disk.WriteHead(text) })
}

// Torn returns how many bytes were dropped when the log was opened: a statement
// that was being written when the power was cut, and that nobody was told of.
func (l *Log) Torn() int64 { return l.torn }

// Noted returns the head that was on the disk when the log was opened, and
// whether one could be read. Of a damaged log it may be later than its state.
func (l *Log) Noted() (Head, bool) { return l.noted, l.noted != Head{} }

// State returns the state after the latest entry. It does not change, and the
// caller must not change it.
func (l *Log) State() *State { return l.state.Load() }

// Damage returns nil, or why the log takes nothing but a reset.
func (l *Log) Damage() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.damage == nil {
		return nil
	}
	return l.damage
}

// Append takes in the statement that follows the state. When it returns nil,
// the statement is on the disk and counts. When the rules refuse it, the error
// is that of [State.Apply]; when the disk fails, nothing has changed, except
// with an error wrapping [ErrInDoubt], after which nothing is taken in until
// the log is opened again.
//
// On a damaged log everything is refused with [ErrDamaged] but a [Reset]. That
// one goes on from the longest good beginning, and makes the log whole.
func (l *Log) Append(st identity.Statement, c Conditions) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	if l.damage != nil && st.Context != (Reset{}).context() {
		return plain("writing to", l.damage)
	}
	old := l.State()
	s := old.Clone()
	if err := s.Apply(st, c); err != nil {
		return err
	}
	write := l.write
	if l.damage != nil {
		write = l.writeReset
	}
	if err := write(st.Append(nil), old, s); err != nil {
		return err
	}
	l.offsets = append(l.offsets, s.Bytes)
	l.damage = nil
	l.state.Store(s)
	l.refill()
	return nil
}

// write adds text to the file and notes the new head.
func (l *Log) write(text []byte, old, s *State) error {
	err := l.withRoom(func() error { return l.put(text, old.Bytes) })
	if err != nil {
		return l.undo(old, err)
	}
	err = l.withRoom(func() error { return l.disk.WriteHead(headText(s)) })
	if err == nil {
		return nil
	}
	// If the old head is there, the entry can be taken back. If it is not, or
	// nobody can tell, the new one may survive or not, and so may the entry.
	noted, failed := l.disk.ReadHead()
	if failed != nil || !bytes.Equal(noted, headText(old)) {
		return l.doubt(err)
	}
	return l.undo(old, err)
}

// writeReset makes a damaged log whole. The head is noted first: until the
// reset is on the disk the log is still damaged, and never a good one without it.
func (l *Log) writeReset(text []byte, old, s *State) error {
	err := l.disk.Truncate(old.Bytes)
	if err == nil {
		err = l.disk.Sync()
	}
	if err == nil {
		err = l.withRoom(func() error { return l.disk.WriteHead(headText(s)) })
	}
	if err == nil {
		err = l.withRoom(func() error { return l.put(text, old.Bytes) })
	}
	if err != nil {
		return plain("mending", err)
	}
	return nil
}

func (l *Log) put(text []byte, at int64) error {
	if _, err := l.disk.WriteAt(text, at); err != nil {
		return err
	}
	return l.disk.Sync()
}

// undo takes back what write did, because of err.
func (l *Log) undo(old *State, err error) error {
	failed := l.disk.Truncate(old.Bytes)
	if failed == nil {
		failed = l.disk.Sync()
	}
	if failed != nil {
		return l.doubt(errors.Join(err, failed))
	}
	return plain("writing to", err)
}

func (l *Log) doubt(err error) error {
	l.broken = plain("writing to", fmt.Errorf("%w: %w", ErrInDoubt, err))
	return l.broken
}

// Mend makes a damaged log whole by leaving off what is damaged, if known is the
// hash of its latest good entry. It has to come from an operator who has kept
// it as the head that he saw last: only then nothing is missing. Else, and for
// a chain without a good entry, the error wraps [ErrDamaged] still.
func (l *Log) Mend(known Hash) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.State()
	if l.damage == nil {
		return nil
	}
	if s.Seq == 0 || s.Last != known {
		return plain("mending", fmt.Errorf("%w; its good beginning does not end with the head that you know", l.damage))
	}
	err := l.disk.Truncate(s.Bytes)
	if err == nil {
		err = l.disk.Sync()
	}
	if err == nil {
		err = l.withRoom(func() error { return l.disk.WriteHead(headText(s)) })
	}
	if err != nil {
		return plain("mending", err)
	}
	l.damage = nil
	return nil
}

// Entries returns the statements from entry number from on, up to the one that
// is the latest when it begins. It ends after an error.
func (l *Log) Entries(from uint64) iter.Seq2[identity.Statement, error] {
	return func(yield func(identity.Statement, error) bool) {
		for seq, last := max(from, 1), l.State().Seq; seq <= last; seq++ {
			st, err := l.entry(seq)
			if !yield(st, err) || err != nil {
				return
			}
		}
	}
}

// Export writes the whole chain to w, for [Replay].
func (l *Log) Export(w io.Writer) error {
	_, err := io.Copy(w, io.NewSectionReader(l.disk, 0, l.State().Bytes))
	if err != nil {
		return plain("exporting", err)
	}
	return nil
}

// Salvage writes to w all that the file of statements holds, what is damaged
// too: evidence to keep before a reset makes the log whole.
func (l *Log) Salvage(w io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	size, err := l.disk.Size()
	if err == nil {
		_, err = io.Copy(w, io.NewSectionReader(l.disk, 0, size))
	}
	if err != nil {
		return plain("salvaging", err)
	}
	return nil
}

// Has reports whether h was once the head of this chain. If an operator saw it
// and the chain does not have it, the box was rolled back or exchanged.
func (l *Log) Has(h Head) (bool, error) {
	s := l.State()
	if h.Box != s.Box || h.Seq > s.Seq {
		return false, nil
	}
	if h.Seq == 0 {
		return h.Hash == Hash{}, nil
	}
	text, err := l.text(h.Seq)
	return err == nil && sha256.Sum256(text) == h.Hash, err
}

func (l *Log) entry(seq uint64) (identity.Statement, error) {
	text, err := l.text(seq)
	if err != nil {
		return identity.Statement{}, err
	}
	return identity.ParseStatement(text)
}

// text reads an entry's text. What is written never changes, so that no append
// has to wait for it.
func (l *Log) text(seq uint64) ([]byte, error) {
	l.mu.Lock()
	begin, end := l.offsets[seq-1], l.offsets[seq]
	l.mu.Unlock()
	text := make([]byte, end-begin)
	if _, err := l.disk.ReadAt(text, begin); err != nil {
		return nil, plain("reading", fmt.Errorf("entry %d: %w", seq, err))
	}
	return text, nil
}

// Close gives up the folder. The log must not be used any more.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.disk.Close()
}
