package space_test

import (
	"bytes"
	"testing"

	"cobox/seeder/space"
)

// Whatever a pack is sampled at, what compresses well in it is not stored as it is.
func TestPackIsCompressedWhereThatHelps(t *testing.T) {
	text := bytes.Repeat([]byte("what people write is full of the words that they have written before. "), 1000)
	const full = 1 << 20
	for _, test := range []struct {
		what    string
		content []byte
		atMost  float64 // of the content
		raw     bool
	}{
		{what: "noise", content: randomBytes(1, full), atMost: 1.001, raw: true},
		{what: "a little noise", content: randomBytes(1, 10_000), atMost: 1.01, raw: true},
		{what: "text", content: text, atMost: 0.1},
		{what: "a little text", content: text[:1000], atMost: 0.5},
		{what: "noise with a tenth of text", content: append(randomBytes(1, 9*len(text)), text...), atMost: 0.93},
		{what: "text between noise", content: append(append(randomBytes(1, 4*len(text)), text...), randomBytes(2, 4*len(text))...), atMost: 0.93},
		{what: "noise of six bits a byte", content: sixBits(randomBytes(1, full)), atMost: 0.8},
	} {
		payload := space.PackOf(nil, test.content)
		if n := float64(len(payload)) / float64(len(test.content)); n > test.atMost {
			t.Errorf("%s: the pack has %.3f of the content's bytes, want at most %.3f", test.what, n, test.atMost)
		}
		if raw := bytes.Contains(payload, test.content); raw != test.raw {
			t.Errorf("%s: stored as it is: %t, want %t", test.what, raw, test.raw)
		}
	}
}

func sixBits(b []byte) []byte {
	for i := range b {
		b[i] &= 0x3f
	}
	return b
}

func BenchmarkPackOfNoise(b *testing.B) {
	content := randomBytes(1, 1<<20)
	b.SetBytes(int64(len(content)))
	var buf []byte
	for b.Loop() {
		buf = space.PackOf(buf, content)
	}
}

func BenchmarkPackOfText(b *testing.B) {
	content := sixBits(randomBytes(1, 1<<20))
	b.SetBytes(int64(len(content)))
	var buf []byte
	for b.Loop() {
		buf = space.PackOf(buf, content)
	}
}
