package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

const (
	// parcelContext is the context of a parcel's statement, and the purpose for
	// which the whole is sealed.
	parcelContext = "cobox/parcel/v1"
	// MaxParcel bounds a sealed parcel in bytes: some thousand spaces.
	MaxParcel = 1 << 20
)

// parcelBody is the body of the statement that a parcel begins with; the order
// of its fields is the order in the text.
type parcelBody struct {
	Partner PartnerKey `json:"partner"`
	Device  DeviceKey  `json:"device"`
	Issued  seconds    `json:"issued"`
	Content string     `json:"content"` // SHA-256 of what follows, hex
}

// SealParcel seals content, which only the device may read, together with the
// partner's signature over it: so the device knows that all of it comes from one
// who has the partner key, and nobody can put parts of two parcels together.
// The error says that the key is none, or that the content is too long.
func SealParcel(partner ed25519.PrivateKey, to DeviceKey, issued time.Time, content []byte) ([]byte, error) {
	sum := sha256.Sum256(content)
	body, err := marshalBody(parcelBody{PartnerKeyOf(partner), to, inSeconds(issued), hex.EncodeToString(sum[:])})
	if err != nil {
		return nil, fmt.Errorf("signing parcel: %w: %w", ErrStatement, err)
	}
	st, err := Sign(parcelContext, body, Partner, partner)
	if err != nil {
		return nil, fmt.Errorf("signing parcel: %w", err)
	}
	sealed, err := SealTo(to, parcelContext, append(st.Append(nil), content...))
	if err != nil {
		return nil, err
	}
	if len(sealed) > MaxParcel {
		return nil, fmt.Errorf("sealing parcel: %d bytes, more than %d", len(sealed), MaxParcel)
	}
	return sealed, nil
}

// OpenParcel opens a parcel with the device's private key, verifies it, and
// returns the content and the partner who signed it. Whether that is the partner
// whom the device means to join is for the caller: anybody can seal a parcel of
// their own. Errors wrap [ErrSealed], [ErrStatement], [ErrContext],
// [ErrBadSignature], [ErrNotTrusted] or [ErrWrongDevice].
func OpenParcel(device ed25519.PrivateKey, sealed []byte) (content []byte, partner PartnerKey, err error) {
	content, partner, err = openParcel(device, sealed)
	if err != nil {
		return nil, PartnerKey{}, fmt.Errorf("opening parcel: %w", err)
	}
	return content, partner, nil
}

func openParcel(device ed25519.PrivateKey, sealed []byte) (content []byte, partner PartnerKey, err error) {
	if len(sealed) > MaxParcel {
		return nil, partner, fmt.Errorf("%w: %d bytes, more than %d", ErrSealed, len(sealed), MaxParcel)
	}
	plain, err := OpenSealed(device, parcelContext, sealed)
	if err != nil {
		return nil, partner, err
	}
	end := 0 // of the third line
	for range 3 {
		i := bytes.IndexByte(plain[end:], '\n')
		if i < 0 {
			return nil, partner, fmt.Errorf("%w: it does not begin with one", ErrStatement)
		}
		end += i + 1
	}
	st, err := ParseStatement(plain[:end])
	if err == nil {
		err = st.open(parcelContext, Partner)
	}
	if err != nil {
		return nil, partner, err
	}
	var b parcelBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return nil, partner, err
	}
	content = plain[end:]
	sum := sha256.Sum256(content)
	switch {
	case b.Issued.IsZero():
		return nil, partner, fmt.Errorf("%w: no time of issue", ErrStatement)
	case b.Partner != st.Signer:
		return nil, partner, fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), b.Partner)
	case b.Device != DeviceKeyOf(device):
		return nil, partner, fmt.Errorf("%w: %s", ErrWrongDevice, b.Device)
	case b.Content != hex.EncodeToString(sum[:]):
		return nil, partner, fmt.Errorf("%w: the content is not what was signed", ErrBadSignature)
	}
	return content, b.Partner, nil
}
