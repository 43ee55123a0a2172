package chain

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cobox/seeder/identity"
)

// A Head is a point of a chain: what the next statement has to follow. The Head
// of a chain without entries has Seq 0 and a zero Hash. Operators keep the one
// they saw last; a box that does not have it was rolled back.
type Head struct {
	Box   identity.BoxKey `json:"box"`
	Epoch uint64          `json:"epoch"` // of the ownership, from 1
	Seq   uint64          `json:"seq"`   // of the latest entry, from 1
	Hash  Hash            `json:"hash"`  // of the latest entry
}

// An Action is what a statement brings about: an [Order] or a [Fact]. All types
// that are one are in this package.
type Action interface {
	// context returns the statement's context, such as "cobox/order-revoke/v1".
	context() string
	// check tells whether the action says something, whatever the state.
	check() error
	// sentence says what is done, in the past tense.
	sentence() string
}

// An Order is an operator's action.
type Order interface {
	Action
	// needs returns the least role that may sign it.
	needs() Role
	// apply changes s, or returns an error and does not. The signer is by.
	apply(s *State, by Member, e Entry) error
}

// A Fact is an action of the box itself.
type Fact interface {
	Action
	// apply changes s, or returns an error and does not. c is nil when the fact
	// was taken in earlier: its conditions were checked then.
	apply(s *State, e Entry, c *Conditions) error
}

// An Entry is a statement of the chain taken apart, its signature verified.
type Entry struct {
	Box      identity.BoxKey
	Epoch    uint64
	Seq      uint64
	Previous Hash      // of the statement before; zero in the first
	Issued   time.Time // by the signer's clock, which may be wrong
	Action   Action

	SignerKind identity.Kind // identity.Operator or identity.Box
	Signer     [32]byte
	Hash       Hash // the statement's
	size       int  // of the statement's text, bytes
}

// body is a statement's body; the order of its fields is the order in the text.
type body struct {
	Box      identity.BoxKey `json:"box"`
	Epoch    uint64          `json:"epoch"`
	Seq      uint64          `json:"seq"`
	Previous Hash            `json:"previous"`
	Issued   time.Time       `json:"issued"`
	What     json.RawMessage `json:"what"`
}

// kind reads the actions of one context.
type kind struct {
	context string
	signer  identity.Kind
	read    func(text []byte) (Action, error)
}

func kindOf[A Action](signer identity.Kind) kind {
	return kind{
		(*new(A)).context(), signer,
		func(text []byte) (Action, error) {
			var a A
			err := decode(text, &a)
			return a, err
		},
	}
}

// kinds are all actions. A new one has a context of its own; one that changes
// its meaning or form has a new version.
var kinds = []kind{
	kindOf[AddOperator](identity.Operator),
	kindOf[RemoveOperator](identity.Operator),
	kindOf[Rename](identity.Operator),
	kindOf[Invite](identity.Operator),
	kindOf[CancelInvite](identity.Operator),
	kindOf[Grant](identity.Operator),
	kindOf[NamePartner](identity.Operator),
	kindOf[TolerateSilence](identity.Operator),
	kindOf[Revoke](identity.Operator),
	kindOf[Pin](identity.Operator),
	kindOf[Unpin](identity.Operator),
	kindOf[SetRecovery](identity.Operator),
	kindOf[CancelRecovery](identity.Operator),
	kindOf[Set](identity.Operator),
	kindOf[Update](identity.Operator),
	kindOf[AdoptDisk](identity.Operator),
	kindOf[GiveUpDisk](identity.Operator),
	kindOf[AcceptBoard](identity.Operator),
	kindOf[Retire](identity.Operator),

	kindOf[Claimed](identity.Box),
	kindOf[Redeemed](identity.Box),
	kindOf[RecoveryRequested](identity.Box),
	kindOf[Recovered](identity.Box),
	kindOf[Reset](identity.Box),
}

// SignOrder signs an order with an operator's key, to follow h. Whether the box
// takes it depends on the box's state; what can be told without is checked here,
// and errors wrap identity.ErrStatement. Times are cut to whole seconds.
func SignOrder(operator ed25519.PrivateKey, h Head, issued time.Time, o Order) (identity.Statement, error) {
	return sign(operator, identity.Operator, h, issued, o)
}

// SignFact signs a fact with the box's key, which must be that of h.Box, to
// follow h. Errors are those of [SignOrder].
func SignFact(box ed25519.PrivateKey, h Head, issued time.Time, f Fact) (identity.Statement, error) {
	if identity.BoxKeyOf(box) != h.Box {
		return identity.Statement{}, malformed("signing %s: the key is not that of the box in it", f.context())
	}
	return sign(box, identity.Box, h, issued, f)
}

func sign(key ed25519.PrivateKey, signer identity.Kind, h Head, issued time.Time, a Action) (identity.Statement, error) {
	b := body{h.Box, h.Epoch, h.Seq + 1, h.Hash, inSeconds(issued), nil}
	err := a.check()
	if err == nil {
		b.What, err = encode(a)
	}
	if err == nil {
		err = b.check()
	}
	var text []byte
	if err == nil {
		text, err = encode(b)
	}
	if err != nil {
		return identity.Statement{}, fmt.Errorf("signing %s: %w", a.context(), err)
	}
	return identity.Sign(a.context(), text, signer, key)
}

// Read verifies a statement's signature and takes it apart. Whether it follows
// a state is for [State.Apply]. Errors wrap identity's ErrContext when the
// statement is of no kind that is known here, ErrNotTrusted when the signer is
// of the wrong kind, ErrBadSignature or ErrStatement.
func Read(st identity.Statement) (Entry, error) {
	e, err := read(st)
	if err != nil {
		return Entry{}, fmt.Errorf("reading %.64s: %w", st.Context, err)
	}
	return e, nil
}

func read(st identity.Statement) (Entry, error) {
	k, ok := kindNamed(st.Context)
	if !ok {
		return Entry{}, fmt.Errorf("%w: this version does not know it; update the older of box and tool", identity.ErrContext)
	}
	if st.SignerKind != k.signer {
		return Entry{}, fmt.Errorf("%w: signed by a key of kind %s, not %s", identity.ErrNotTrusted, st.SignerKind, k.signer)
	}
	if err := st.Verify(); err != nil {
		return Entry{}, err
	}
	var b body
	if err := decode(st.Body, &b); err != nil {
		return Entry{}, err
	}
	if err := b.check(); err != nil {
		return Entry{}, err
	}
	if st.SignerKind == identity.Box && st.Signer != b.Box {
		return Entry{}, fmt.Errorf("%w: %s signed for %s", identity.ErrNotTrusted, st.SignerText(), b.Box)
	}
	a, err := k.read(b.What)
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return Entry{}, err
	}
	text := st.Append(nil)
	return Entry{
		b.Box, b.Epoch, b.Seq, b.Previous, b.Issued, a,
		st.SignerKind, st.Signer, st.Hash(), len(text),
	}, nil
}

func kindNamed(context string) (kind, bool) {
	for _, k := range kinds {
		if k.context == context {
			return k, true
		}
	}
	return kind{}, false
}

func (b body) check() error {
	switch {
	case b.Box.IsZero():
		return malformed("no box")
	case b.Epoch < 1 || b.Epoch > maxNumber:
		return malformed("epoch %d", b.Epoch)
	case b.Seq < 1 || b.Seq > maxNumber:
		return malformed("entry number %d", b.Seq)
	case (b.Seq == 1) != (b.Previous == Hash{}):
		return malformed("the first entry, and no other, follows nothing")
	case b.Issued.IsZero():
		return malformed("no time of issue")
	}
	return checkTime("time of issue", b.Issued)
}

// SignerText returns the text form of the signer's key, such as "operator:...".
func (e Entry) SignerText() string {
	return identity.Statement{SignerKind: e.SignerKind, Signer: e.Signer}.SignerText()
}

// Describe says in one sentence what an entry did, who signed it and when, for
// people to read: "2026-11-23T17:38:29Z operator:... removed operator:...".
// Nothing in it is unsealed.
func (e Entry) Describe() string {
	return fmt.Sprintf("%s %s %s", e.Issued.Format(time.RFC3339), e.SignerText(), e.Action.sentence())
}

// Describe reads a statement as [Read] does and returns the entry's sentence.
func Describe(st identity.Statement) (string, error) {
	e, err := Read(st)
	if err != nil {
		return "", err
	}
	return e.Describe(), nil
}

// Sentence says what an action does, in the past tense, without who and when.
func Sentence(a Action) string { return a.sentence() }

// Kind returns the action's short name, such as "revoke": the context without
// what all have in common.
func Kind(a Action) string {
	name := strings.TrimPrefix(strings.TrimPrefix(a.context(), "cobox/order-"), "cobox/fact-")
	return strings.TrimSuffix(name, "/v1")
}
