package identity

import (
	"errors"
	"strings"
)

// base58Alphabet is Bitcoin's, which libp2p uses.
const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// maxBase58 bounds the text that is decoded: the work grows with its square.
const maxBase58 = 128

var errBase58 = errors.New("not base58")

// encodeBase58 writes b as a number of base 58; each leading zero byte is a "1".
func encodeBase58(b []byte) string {
	zeros := 0
	for zeros < len(b) && b[zeros] == 0 {
		zeros++
	}
	var digits []byte // lowest first
	for _, carry := range b[zeros:] {
		c := int(carry)
		for i, d := range digits {
			c += int(d) << 8
			digits[i] = byte(c % 58)
			c /= 58
		}
		for ; c > 0; c /= 58 {
			digits = append(digits, byte(c%58))
		}
	}
	var text strings.Builder
	for range zeros {
		text.WriteByte(base58Alphabet[0])
	}
	for i := range digits {
		text.WriteByte(base58Alphabet[digits[len(digits)-1-i]])
	}
	return text.String()
}

// decodeBase58 reads what encodeBase58 writes.
func decodeBase58(text string) ([]byte, error) {
	if len(text) > maxBase58 {
		return nil, errBase58
	}
	zeros := 0
	for zeros < len(text) && text[zeros] == base58Alphabet[0] {
		zeros++
	}
	var low []byte // lowest byte first
	for i := zeros; i < len(text); i++ {
		c := strings.IndexByte(base58Alphabet, text[i])
		if c < 0 {
			return nil, errBase58
		}
		for j, b := range low {
			c += int(b) * 58
			low[j] = byte(c)
			c >>= 8
		}
		for ; c > 0; c >>= 8 {
			low = append(low, byte(c))
		}
	}
	b := make([]byte, zeros+len(low))
	for i, v := range low {
		b[len(b)-1-i] = v
	}
	return b, nil
}
