package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/seeder/cli"
)

// A reset card holds the public half of the code that is printed, and nothing of
// the code itself.
func TestResetCard(t *testing.T) {
	dir := t.TempDir()
	p := &cli.Program{Name: "mkimage", Commands: []cli.Command{resetCardCommand()}}
	run := func(args ...string) (code int, out, errOut string) {
		var o, e strings.Builder
		code = p.Run(t.Context(), append([]string{"reset-card"}, args...), strings.NewReader(""), &o, &e)
		return code, o.String(), e.String()
	}
	file, png := filepath.Join(dir, "reset"), filepath.Join(dir, "label.png")
	code, out, errOut := run("-json", "-mode", "wipe", "-tag", "cobox-7k3f9q.local", "-anywhere", "-o", file, "-png", png)
	if code != cli.Done {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var printed struct{ Reset, Tag, Code string }
	if err := json.Unmarshal([]byte(out), &printed); err != nil {
		t.Fatal(err)
	}
	card, err := provision.ReadResetCard(file)
	if err != nil {
		t.Fatal(err)
	}
	if card.Mode != chain.Wipe || card.ID.String() != printed.Reset || card.Card.Tag.String() != "7K3F9Q" || printed.Tag != "7K3F9Q" || !card.Card.Anywhere {
		t.Errorf("the card is %+v, printed was %+v", card, printed)
	}
	typed, err := label.ParseCode(printed.Code)
	if err != nil || typed.Claim().Public() != card.Card.Claim {
		t.Errorf("the printed code is not the card's: %v", err)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), strings.ReplaceAll(printed.Code, "-", "")) || strings.Contains(string(text), printed.Code) {
		t.Errorf("the card holds the code: %v", err)
	}
	if info, err := os.Stat(png); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the picture: %v, %v", info, err)
	}

	for _, args := range [][]string{{}, {"-mode", "wipe"}, {"-o", file}, {"-mode", "burn", "-o", file}, {"-mode", "wipe", "-o", file, "more"}} {
		if code, _, _ := run(args...); code != cli.Usage {
			t.Errorf("reset-card %q: code %d, want %d", args, code, cli.Usage)
		}
	}
	if code, _, _ := run("-mode", "wipe", "-o", filepath.Join(dir, "not", "there")); code != cli.Failed {
		t.Errorf("a folder that is not there: code %d", code)
	}
}
