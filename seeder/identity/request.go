package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// requestPrefix begins the text of a device's request.
const requestPrefix = "COBOX1D:"

// requestContext is what the check bytes of a request are over, besides the key.
const requestContext = "cobox/device-request/v1"

// requestChecks is how many check bytes there are: of 16 million mistyped
// requests one is not noticed, and that one is no key half the time.
const requestChecks = 3

// ErrRequest says that a text is no request of a device, or was mistyped.
var ErrRequest = errors.New("not a request of a device (COBOX1D: and 14 groups of 4 letters and digits)")

// crockford is base 32 with an alphabet that people can read out: no I, L, O, U.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// unconfuse takes what people type for what they mean.
var unconfuse = strings.NewReplacer("O", "0", "I", "1", "L", "1",
	" ", "", "\t", "", "\n", "", "\r", "", "\u00a0", "",
	"-", "", "\u2010", "", "\u2011", "", "\u2012", "", "\u2013", "", "\u2014", "", "\u2212", "") // all dashes

// DeviceRequest returns the text with which a new device asks to be certified:
// its key and three check bytes, in a form that can be pasted or read out. It is
// no secret, but must not be replaced on its way.
func DeviceRequest(k DeviceKey) string {
	text := crockford.EncodeToString(append(k[:], requestCheck(k)...))
	var b strings.Builder
	b.WriteString(requestPrefix)
	for i := 0; i < len(text); i += 4 {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(text[i:min(i+4, len(text))])
	}
	return b.String()
}

func requestCheck(k DeviceKey) []byte {
	sum := sha256.Sum256(append([]byte(requestContext+"\x00"), k[:]...))
	return sum[:requestChecks]
}

// ParseDeviceRequest reads a request, in upper or lower case, with or without
// the dashes, with O for 0 and I or L for 1. Errors wrap [ErrRequest].
func ParseDeviceRequest(text string) (DeviceKey, error) {
	const most = 512 // bytes; room for spaces and line ends of a mail
	if len(text) > most {
		return DeviceKey{}, fmt.Errorf("reading request: %w: it has %d characters", ErrRequest, len(text))
	}
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(text)), requestPrefix)
	if !ok {
		return DeviceKey{}, fmt.Errorf("reading request %.16q: %w", text, ErrRequest)
	}
	rest = unconfuse.Replace(rest)
	b, err := crockford.DecodeString(rest)
	// The decoder passes over an odd letter at the end.
	if err != nil || len(b) != len(DeviceKey{})+requestChecks || len(rest) != crockford.EncodedLen(len(b)) {
		return DeviceKey{}, fmt.Errorf("reading request: %w: letters are missing, or some do not belong there", ErrRequest)
	}
	k := DeviceKey(b[:len(DeviceKey{})])
	if string(requestCheck(k)) != string(b[len(k):]) {
		return DeviceKey{}, fmt.Errorf("reading request: %w: a letter is mistyped", ErrRequest)
	}
	if _, err := montgomery(k); err != nil || k.IsZero() {
		return DeviceKey{}, fmt.Errorf("reading request: %w: there is no key in it", ErrRequest)
	}
	return k, nil
}
