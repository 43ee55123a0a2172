package label_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"cobox/provision/label"
)

// TestSecretsDoNotPrint tries the ways in which a secret gets into a log or a
// file without anybody having asked for it.
func TestSecretsDoNotPrint(t *testing.T) {
	code := must[label.Code](t)(label.New(&counter{}))
	claim := code.Claim()
	tag := must[label.Tag](t)(label.ParseTag("7K3F9Q"))
	lab := label.Label{Code: code, Tag: tag}
	invite := label.Invite{Code: code, BoxKey: [32]byte{1}}
	picture := must[*label.Picture](t)(label.Draw(lab.Text()))

	type hides struct { // fields that fmt may not ask how to print themselves
		code  label.Code
		claim label.Claim
		codes []label.Code
		byTag map[label.Tag]label.Code
		any   any
	}
	values := map[string]any{
		"code": code, "pointer": &code, "claim": claim, "claim's pointer": &claim,
		"label": lab, "invite": invite, "picture": picture, "picture's value": *picture,
		"list": []label.Code{code}, "map": map[string]label.Code{"code": code},
		"hidden":           hides{code, claim, []label.Code{code}, map[label.Tag]label.Code{tag: code}, code},
		"hidden's pointer": &hides{code, claim, []label.Code{code}, map[label.Tag]label.Code{tag: code}, code},
		"error":            fmt.Errorf("pairing with %v, %s, %q, %x, %d", code, lab, claim, code, claim),
	}
	for name, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%e", "%T", "%08v"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		attr := slog.Any("it", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", attr)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", attr)
		out.Write(quietly(json.Marshal(v)))
		out.Write(quietly(xml.Marshal(v)))
		_ = gob.NewEncoder(&out).Encode(v)
		if err := template.Must(template.New("").Parse("{{.}} {{print .}} {{html .}}")).Execute(&out, v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checkHidden(t, name, out.String(), code, claim)
	}

	// An encoder says no, rather than to write an empty value that is missed later.
	for _, v := range []any{code, claim, lab, invite} {
		if text, err := json.Marshal(v); err == nil {
			t.Errorf("json.Marshal(%T) = %s, want an error", v, text)
		}
	}
	if reflect.TypeFor[label.Code]().Comparable() || reflect.TypeFor[label.Claim]().Comparable() {
		t.Error("a code or a claim can be compared with ==")
	}
	if got := fmt.Sprintf("%v %s %v", code, label.Code{}, claim); got != "(code) (no code) (claim)" {
		t.Errorf("printed as %q", got)
	}
}

func quietly(b []byte, _ error) []byte { return b }

// checkHidden looks for the code and the claim in what was printed, in the forms
// in which Go prints bytes.
func checkHidden(t *testing.T, name, printed string, code label.Code, claim label.Claim) {
	t.Helper()
	var secret []byte // the first 88 bits of the code, eleven bytes
	var bits, n uint
	for _, s := range bare(code)[:18] {
		bits, n = bits<<5|uint(strings.IndexRune(alphabet, s)), n+5
		if n >= 8 {
			secret, n = append(secret, byte(bits>>(n-8))), n-8
		}
	}
	public := claim.Public()
	flat := strings.ToLower(strings.NewReplacer(" ", "", ",", "", "0x", "", "-", "").Replace(printed))
	for what, form := range map[string]string{
		"the code":              strings.ToLower(bare(code)),
		"a part of the code":    strings.ToLower(code.Text()[:4] + code.Text()[5:9]),
		"the code's bytes":      fmt.Sprint(secret[:6])[1:],
		"the code's hex":        hex.EncodeToString(secret[:6]),
		"the claim's key bytes": fmt.Sprint(public[:6])[1:],
		"the claim's hex":       hex.EncodeToString(public[:6]),
	} {
		form = strings.TrimSuffix(form, "]")
		if strings.Contains(flat, strings.ReplaceAll(form, " ", "")) {
			t.Errorf("%s shows %s:\n%s", name, what, printed)
		}
	}
}

// TestErrorsDoNotRepeatTheCode damages a code in every place: the error never
// holds four symbols in a row.
func TestErrorsDoNotRepeatTheCode(t *testing.T) {
	code := must[label.Code](t)(label.New(&counter{}))
	texts := []string{
		code.Text(),
		label.Label{Code: code, Tag: must[label.Tag](t)(label.ParseTag("7K3F9Q"))}.Text(),
		label.Invite{Code: code, BoxKey: [32]byte{1}}.Text(),
		"http://cobox.local/#" + code.Text(),
		"COBOX2:" + code.Text(),
		"word:" + code.Text(),
	}
	for _, text := range texts {
		for i := range len(text) {
			for _, damage := range []string{"", "*", "U", "\xff", "é", "::", "77"} {
				damaged := text[:i] + damage + text[i+1:]
				for _, read := range []func() error{
					func() error { _, err := label.Parse(damaged); return err },
					func() error { _, err := label.ParseCode(damaged); return err },
					func() error { _, err := label.ParseLabel(damaged); return err },
					func() error { _, err := label.ParseInvite(damaged); return err },
					func() error { _, err := label.ParseTag(damaged); return err },
				} {
					err := read()
					if err == nil {
						continue
					}
					for s := bare(code); len(s) >= 4; s = s[1:] {
						if strings.Contains(strings.ToUpper(err.Error()), s[:4]) {
							t.Fatalf("the error for %q repeats the code: %v", damaged, err)
						}
					}
				}
			}
		}
	}
}
