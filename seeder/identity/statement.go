package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxStatement bounds a statement's text in bytes. Those defined here are
// below 1 KiB; the rest is room for what may come.
const MaxStatement = 8 << 10

// signPrefix opens what is signed, so that no signature made by a key for
// anything else (a box's key also signs libp2p handshakes) is one of ours.
const signPrefix = "cobox statement\n"

// separator begins the last line of the text form. It is that of signed notes.
const separator = "— "

var (
	// ErrStatement says that bytes are not a well-formed statement, or that its
	// body is not a well-formed body of the kind asked for.
	ErrStatement = errors.New("not a well-formed statement")
	// ErrContext says that a statement is of another kind than the one asked for.
	ErrContext = errors.New("a statement of another kind")
	// ErrBadSignature says that a statement was not signed by the key in it, or
	// was changed since.
	ErrBadSignature = errors.New("the signature does not fit: the statement was changed or is forged")
	// ErrNotTrusted says that a statement was signed by a key that has no say here.
	ErrNotTrusted = errors.New("signed by a key that is not trusted here")
	// ErrWrongBox says that a statement is about another box.
	ErrWrongBox = errors.New("made for another box")
	// ErrWrongDevice says that a certificate is of another device.
	ErrWrongDevice = errors.New("made for another device")
	// ErrExpired says that the time for which a statement was made is over.
	ErrExpired = errors.New("expired")
)

// contextForm is what a context looks like: project, kind, version.
var contextForm = regexp.MustCompile(`^cobox/[a-z0-9-]{1,32}/v[1-9][0-9]{0,3}$`)

// A Statement is something signed: a body of one line of JSON, the context that
// says what kind of body it is and in which version, who signed, and the
// signature. Statements from [ParseStatement] are well-formed but not verified:
// [OpenGrant], [OpenDeviceCert], [OpenReceipt] do that, or [Statement.Verify].
type Statement struct {
	Context    string   // such as "cobox/grant/v1"
	Body       []byte   // the exact bytes that are signed: a JSON object on one line
	SignerKind Kind     // whose key Signer is
	Signer     [32]byte // ed25519 public key
	Signature  [64]byte // over prefix, context, a zero byte and Body
}

// Sign signs body with private, the key of a signer of that kind. The body must
// be a JSON object on one line without duplicate keys, else an error wraps
// [ErrStatement]. The statement keeps body.
func Sign(context string, body []byte, kind Kind, private ed25519.PrivateKey) (Statement, error) {
	st := Statement{Context: context, Body: body, SignerKind: kind, Signer: publicKey(private)}
	if err := st.check(); err != nil {
		return Statement{}, err
	}
	copy(st.Signature[:], ed25519.Sign(private, st.message()))
	return st, nil
}

// message returns the bytes that are signed. A context has no zero byte, so
// they can be taken apart in one way only.
func (st Statement) message() []byte {
	m := make([]byte, 0, len(signPrefix)+len(st.Context)+1+len(st.Body))
	m = append(m, signPrefix...)
	m = append(m, st.Context...)
	m = append(m, 0)
	return append(m, st.Body...)
}

// Verify checks that the key in st signed it, and nothing more: whether that
// key has a say is for the caller. The error is [ErrBadSignature].
func (st Statement) Verify() error {
	if !ed25519.Verify(st.Signer[:], st.message(), st.Signature[:]) {
		return ErrBadSignature
	}
	return nil
}

// SignerText returns the text form of the signer's key, such as "operator:...".
func (st Statement) SignerText() string { return st.SignerKind.keyText(st.Signer) }

// Hash returns the SHA-256 of the text form: the statement's name, by which
// another statement can refer to it.
func (st Statement) Hash() [32]byte { return sha256.Sum256(st.Append(nil)) }

// String returns the text form.
func (st Statement) String() string { return string(st.Append(nil)) }

// Append appends the text form of st to b: three lines, each with its line end,
// at most [MaxStatement] bytes.
func (st Statement) Append(b []byte) []byte {
	b = append(b, st.Context...)
	b = append(b, '\n')
	b = append(b, st.Body...)
	b = append(b, '\n')
	b = append(b, separator...)
	b = append(b, st.SignerText()...)
	b = append(b, ' ')
	b = base64.StdEncoding.AppendEncode(b, st.Signature[:])
	return append(b, '\n')
}

// ParseStatement reads the text form. It does not verify. What it reads,
// [Statement.Append] writes again byte for byte. The statement does not share
// memory with text. Errors wrap [ErrStatement].
func ParseStatement(text []byte) (Statement, error) {
	st, err := parseStatement(text)
	if err != nil {
		return Statement{}, fmt.Errorf("reading statement: %w", err)
	}
	return st, nil
}

func parseStatement(text []byte) (st Statement, err error) {
	if len(text) > MaxStatement {
		return st, fmt.Errorf("%w: %d bytes, more than %d", ErrStatement, len(text), MaxStatement)
	}
	lines := strings.SplitAfterN(string(text), "\n", 4)
	if len(lines) != 4 || lines[3] != "" {
		return st, fmt.Errorf("%w: it has three lines, each with its line end", ErrStatement)
	}
	st.Context = strings.TrimSuffix(lines[0], "\n")
	st.Body = []byte(strings.TrimSuffix(lines[1], "\n"))

	last, ok := strings.CutPrefix(strings.TrimSuffix(lines[2], "\n"), separator)
	signer, signature, ok2 := strings.Cut(last, " ")
	if !ok || !ok2 {
		return st, fmt.Errorf("%w: the last line is %q, the signer, a space and the signature", ErrStatement, separator)
	}
	if st.SignerKind, st.Signer, err = parseAny(signer); err != nil {
		return st, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	// The decoder skips line ends, of which "\r" could still be here.
	if err != nil || len(sig) != len(st.Signature) || strings.Contains(signature, "\r") {
		return st, fmt.Errorf("%w: the signature is 64 bytes in base64", ErrStatement)
	}
	copy(st.Signature[:], sig)
	return st, st.check()
}

// check tells whether st has a text form that can be read again.
func (st Statement) check() error {
	switch {
	case !contextForm.MatchString(st.Context):
		return fmt.Errorf("%w: context %.64q", ErrStatement, st.Context)
	case len(st.Body) > MaxStatement-512: // the other two lines take 300 at most
		return fmt.Errorf("%w: a body of %d bytes", ErrStatement, len(st.Body))
	case !utf8.Valid(st.Body) || bytes.ContainsFunc(st.Body, isControl):
		return fmt.Errorf("%w: the body is not plain text on one line", ErrStatement)
	}
	if err := checkObject(st.Body); err != nil {
		return fmt.Errorf("%w: the body: %w", ErrStatement, err)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// open checks that st is of the context and signed by a key of the kind, and
// verifies the signature.
func (st Statement) open(context string, kind Kind) error {
	switch {
	case st.Context != context:
		return fmt.Errorf("%w: %.64s, not %s", ErrContext, st.Context, context)
	case st.SignerKind != kind:
		return fmt.Errorf("%w: signed by a key of kind %s, not %s", ErrNotTrusted, st.SignerKind, kind)
	}
	return st.Verify()
}
