package identity_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cobox/seeder/identity"
)

// sign signs a body under a context of the tests' own.
func sign(t *testing.T, context, body string) identity.Statement {
	t.Helper()
	st, err := identity.Sign(context, []byte(body), identity.Operator, testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestStatementText(t *testing.T) {
	st := sign(t, "cobox/test/v1", `{"a":1,"b":["ü",{"a":null}]}`)
	text := st.Append([]byte("before "))
	text, ok := bytes.CutPrefix(text, []byte("before "))
	if !ok || st.String() != string(text) {
		t.Errorf("Append and String differ")
	}
	got, err := identity.ParseStatement(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Context != st.Context || string(got.Body) != string(st.Body) || got.SignerKind != st.SignerKind ||
		got.Signer != st.Signer || got.Signature != st.Signature {
		t.Errorf("%s reads as %+v", text, got)
	}
	if err := got.Verify(); err != nil {
		t.Error(err)
	}
	if got.SignerText() != identity.OperatorKeyOf(testKey(1)).String() {
		t.Errorf("SignerText() = %s", got.SignerText())
	}
	if got.Hash() != st.Hash() || got.Hash() == sign(t, "cobox/test/v2", string(st.Body)).Hash() {
		t.Error("Hash is not that of the text")
	}
	clear(text)
	if err := got.Verify(); err != nil {
		t.Error("the statement shares memory with the text")
	}
}

// Every single flipped bit of a statement's text is refused, by the parser or
// by the signature. The signer's kind is not signed: Open functions check it.
func TestEveryFlippedBit(t *testing.T) {
	text := sign(t, "cobox/test/v1", `{"a":[1,2,{}],"b":"c"}`).Append(nil)
	for i := range text {
		for bit := range 8 {
			bad := bytes.Clone(text)
			bad[i] ^= 1 << bit
			st, err := identity.ParseStatement(bad)
			if err == nil {
				err = st.Verify()
			} else if !errors.Is(err, identity.ErrStatement) {
				t.Errorf("bit %d of byte %d: %v, want ErrStatement", bit, i, err)
			}
			if err == nil {
				t.Errorf("with bit %d of byte %d flipped it is good: %s", bit, i, bad)
			}
		}
	}
	for n := range text {
		if _, err := identity.ParseStatement(text[:n]); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("the first %d bytes: %v, want ErrStatement", n, err)
		}
	}
}

func TestContextIsSigned(t *testing.T) {
	st := sign(t, "cobox/test/v1", `{"a":1}`)
	st.Context = "cobox/test/v2"
	if err := st.Verify(); !errors.Is(err, identity.ErrBadSignature) {
		t.Errorf("in another context: %v, want ErrBadSignature", err)
	}
}

func TestParseStatementRefuses(t *testing.T) {
	good := sign(t, "cobox/test/v1", `{"a":1}`).String()
	if _, err := identity.ParseStatement([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"nothing":              "",
		"no last line end":     strings.TrimSuffix(good, "\n"),
		"a line more":          good + "\n",
		"a statement more":     good + good,
		"windows line ends":    strings.ReplaceAll(good, "\n", "\r\n"),
		"a hyphen for a dash":  strings.Replace(good, "—", "-", 1),
		"two spaces":           strings.Replace(good, "— ", "—  ", 1),
		"a space at the end":   strings.TrimSuffix(good, "\n") + " \n",
		"another project":      strings.Replace(good, "cobox/", "other/", 1),
		"version 0":            strings.Replace(good, "/v1", "/v0", 1),
		"upper case":           strings.Replace(good, "/test", "/Test", 1),
		"no version":           strings.Replace(good, "/v1", "", 1),
		"a signer of no kind":  strings.Replace(good, "operator:", "owner:", 1),
		"a signer without key": strings.Replace(good, "operator:", "operator: ", 1),
		"no padding":           strings.Replace(good, "==\n", "\n", 1),
		"too long":             strings.Replace(good, "1", strings.Repeat("1", identity.MaxStatement), 1),
	} {
		if _, err := identity.ParseStatement([]byte(text)); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%s: %v, want ErrStatement", what, err)
		}
	}
}

func TestSignRefusesBody(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9)
	for _, body := range []string{
		"", "1", "[]", "null", `"{}"`, "{", "{}{}", `{"a":1}x`, `{'a':1}`, `{"a":1,}`,
		`{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"b":{"a":1,"c":2,"a":3}}`, `{"b":[{"a":1,"a":1}]}`,
		"{\n}", "{\"a\":\"\x7f\"}", "{\t}", "{\"a\":\"\xff\"}", deep,
		`{"a":"` + strings.Repeat("x", identity.MaxStatement) + `"}`,
	} {
		if _, err := identity.Sign("cobox/test/v1", []byte(body), identity.Operator, testKey(1)); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("Sign of body %.40q = %v, want ErrStatement", body, err)
		}
	}
	for _, body := range []string{"{}", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, `{"n":1e999}`, `{ "a" : 1 }`} {
		st := sign(t, "cobox/test/v1", body)
		if _, err := identity.ParseStatement(st.Append(nil)); err != nil {
			t.Errorf("body %s: %v", body, err)
		}
	}
}

func TestLargestStatementIsRead(t *testing.T) {
	context := "cobox/" + strings.Repeat("x", 32) + "/v9999"
	for n := identity.MaxStatement; ; n-- {
		body := []byte(`{"a":"` + strings.Repeat("x", n) + `"}`)
		st, err := identity.Sign(context, body, identity.Device, testKey(1))
		if err != nil {
			continue
		}
		if _, err := identity.ParseStatement(st.Append(nil)); err != nil {
			t.Errorf("a statement was signed that cannot be read: %v", err)
		}
		return
	}
}

func FuzzParseStatement(f *testing.F) {
	st, err := identity.Sign("cobox/test/v1", []byte(`{"a":1}`), identity.Box, testKey(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(st.Append(nil))
	for _, v := range vectors(f) {
		f.Add([]byte(v.Statement))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := identity.ParseStatement(text)
		if err != nil {
			if !errors.Is(err, identity.ErrStatement) {
				t.Errorf("error %v does not wrap ErrStatement", err)
			}
			return
		}
		if got := st.Append(nil); !bytes.Equal(got, text) {
			t.Errorf("%q is read, and written as %q", text, got)
		}
	})
}
