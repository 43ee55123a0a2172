package secretstream_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"testing"

	"cobox/seeder/secretstream"
)

// A hexBytes is bytes that the vectors hold in hex.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type vectors struct {
	Sessions []session
	DH       []struct{ SeedA, PublicB, Shared hexBytes }
	Raw      struct {
		Key, Header, InitState hexBytes
		Messages               []struct{ Plaintext, Ciphertext, StateAfter hexBytes }
	} `json:"secretstream"`
}

type session struct {
	Pattern                                  string
	Initiator, Responder                     side
	InitiatorKeys                            struct{ HandshakeHash hexBytes }
	InitiatorFrames, ResponderFrames         []hexBytes
	InitiatorPlaintexts, ResponderPlaintexts []hexBytes
}

type side struct{ StaticSeed, StaticPublicKey, EphemeralSeed, SecretstreamHeader hexBytes }

// readVectors reads what hypercore's own code made.
func readVectors(t *testing.T) *vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/07-secretstream.json")
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectors)
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
	if len(v.Sessions) == 0 || len(v.DH) == 0 || len(v.Raw.Messages) == 0 {
		t.Fatal("vectors are missing")
	}
	return v
}

func (s side) config(pattern string, remote side) secretstream.Config {
	cfg := secretstream.Config{
		Private: ed25519.NewKeyFromSeed(s.StaticSeed),
		Remote:  secretstream.Key(remote.StaticPublicKey),
		Random:  bytes.NewReader(append(bytes.Clone(s.EphemeralSeed), s.SecretstreamHeader...)),
	}
	if pattern == "Noise_IK_Ed25519_ChaChaPoly_BLAKE2b" {
		cfg.Pattern = secretstream.IK
	}
	return cfg
}

// TestSessions holds whole sessions, both sides of them, against every byte that
// the JavaScript peers sent.
func TestSessions(t *testing.T) {
	patterns := make(map[string]int)
	for _, s := range readVectors(t).Sessions {
		patterns[s.Pattern]++
		a, b := net.Pipe()
		left, right := &recorder{ReadWriteCloser: a}, &recorder{ReadWriteCloser: b}
		initiator, responder := pairOver(t, left, right, s.Initiator.config(s.Pattern, s.Responder), s.Responder.config(s.Pattern, s.Initiator))

		if !bytes.Equal(initiator.HandshakeHash()[:], s.InitiatorKeys.HandshakeHash) || *initiator.HandshakeHash() != *responder.HandshakeHash() {
			t.Errorf("%s: HandshakeHash() = %x and %x, want %x", s.Pattern, *initiator.HandshakeHash(), *responder.HandshakeHash(), []byte(s.InitiatorKeys.HandshakeHash))
		}
		if k := responder.RemoteKey(); !bytes.Equal(k[:], s.Initiator.StaticPublicKey) {
			t.Errorf("%s: RemoteKey() = %x", s.Pattern, k)
		}
		transfer(t, initiator, responder, s.InitiatorPlaintexts)
		transfer(t, responder, initiator, s.ResponderPlaintexts)
		if got, want := left.bytes(), join(s.InitiatorFrames); !bytes.Equal(got, want) {
			t.Errorf("%s: the initiator sent\n%x, want\n%x", s.Pattern, got, want)
		}
		if got, want := right.bytes(), join(s.ResponderFrames); !bytes.Equal(got, want) {
			t.Errorf("%s: the responder sent\n%x, want\n%x", s.Pattern, got, want)
		}
	}
	if len(patterns) != 2 {
		t.Errorf("the vectors hold sessions of the patterns %v, want XX and IK", patterns)
	}
}

// transfer sends messages one way; empty ones are not for the reader.
func transfer(t *testing.T, from, to *secretstream.Conn, messages []hexBytes) {
	t.Helper()
	all := make([][]byte, len(messages))
	for i, m := range messages {
		all[i] = m
	}
	wait := send(t, from, all...)
	for _, m := range messages {
		if len(m) == 0 {
			continue
		}
		got, err := to.ReadFrame()
		if err != nil || !bytes.Equal(got, m) {
			t.Fatalf("ReadFrame() = %x, %v, want %x", got, err, []byte(m))
		}
	}
	wait()
}

func join(frames []hexBytes) (all []byte) {
	for _, f := range frames {
		all = append(all, f...)
	}
	return all
}
