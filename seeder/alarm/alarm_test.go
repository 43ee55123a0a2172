package alarm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/seeder/alarm"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *alarm.Book {
	t.Helper()
	b, err := alarm.OpenBook(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func nobody(string) bool { return false }

// words are the events that a round tells.
func words(events []alarm.Event) string {
	var list []string
	for _, e := range events {
		list = append(list, e.Words())
	}
	return strings.Join(list, "; ")
}

// Each trouble is told once, and its end once; also when the program was ended
// meanwhile.
func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	silent := alarm.Trouble{ID: "1", Box: "attic", Kind: "silent", Text: "it is silent", Again: "silent is over"}
	hot := alarm.Trouble{ID: "1", Box: "attic", Kind: "temperature", Text: "it is hot", Again: "temperature is over"}
	cellar := alarm.Trouble{ID: "2", Box: "cellar", Kind: "silent", Text: "it is silent", Again: "silent is over"}
	hotter := hot
	hotter.Text = "it is hotter"
	blind := func(id string) bool { return id == "1" }
	for i, step := range []struct {
		troubles []alarm.Trouble
		blind    func(string) bool
		want     string
	}{
		{nil, nobody, ""},
		{[]alarm.Trouble{hot, hot}, nobody, "attic: it is hot"},
		{[]alarm.Trouble{hotter}, nobody, ""},
		{[]alarm.Trouble{silent, cellar}, blind, "attic: it is silent; cellar: it is silent"},
		{[]alarm.Trouble{silent}, blind, "cellar: silent is over"},
		{[]alarm.Trouble{hot}, nobody, "attic: silent is over"},
		{nil, nobody, "attic: temperature is over"},
		{nil, nobody, ""},
		{[]alarm.Trouble{hot}, nobody, "attic: it is hot"},
	} {
		b := open(t, path) // each time anew
		told, err := (&alarm.Teller{}).Round(t.Context(), b, now, step.troubles, step.blind)
		if err != nil || words(told) != step.want {
			t.Errorf("step %d: told %q, %v, want %q", i, words(told), err, step.want)
		}
		if again, err := (&alarm.Teller{}).Round(t.Context(), b, now, step.troubles, step.blind); err != nil || len(again) > 0 {
			t.Errorf("step %d again: told %q, %v", i, words(again), err)
		}
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := alarm.OpenBook(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged book: %v", err)
	}
}

// What a box says cannot become part of the command.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	teller := &alarm.Teller{Command: `cat > "` + dir + `/stdin"; printf '%s|%s|%s' "$COBOX_EVENT" "$COBOX_BOX" "$COBOX_TEXT"`, Output: &out}
	e := alarm.Event{Trouble: alarm.Trouble{ID: "1", Box: "attic", Kind: "disk", Text: "$(touch " + dir + "/owned); `x`\x00 \"'"}, Since: now, At: now}
	if err := teller.Tell(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if want := "trouble|attic|attic: $(touch " + dir + "/owned); `x` \"'"; out.String() != want {
		t.Errorf("the command says %q, want %q", out.String(), want)
	}
	stdin, err := os.ReadFile(filepath.Join(dir, "stdin"))
	var m map[string]string
	if err == nil {
		err = json.Unmarshal(stdin, &m)
	}
	if err != nil || m["event"] != "trouble" || m["kind"] != "disk" || m["since"] != "2026-03-01T12:00:00Z" {
		t.Errorf("it reads %s, %v", stdin, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
		t.Error("the box's words were run")
	}
	teller.Command = "exit 3"
	if err := teller.Tell(t.Context(), e); err == nil || !strings.Contains(err.Error(), "exit 3") {
		t.Errorf("a command that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	teller.Command = "sleep 1000"
	if err := teller.Tell(ctx, e); err == nil {
		t.Error("a command that was ended is no success")
	}
}

// What a webhook does not take is told again; redirections are not followed, and the
// URL, which may be a secret, is in no error.
func TestWebhook(t *testing.T) {
	var got []string
	status := http.StatusInternalServerError
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.Method, err)
		}
		var m struct{ Event, Text string }
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		got = append(got, m.Event+" "+m.Text)
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	teller := &alarm.Teller{Webhook: server.URL + "/secret"}
	if err := teller.Check(); err != nil {
		t.Fatal(err)
	}
	b := open(t, filepath.Join(t.TempDir(), "told"))
	round := func(troubles ...alarm.Trouble) error {
		_, err := teller.Round(t.Context(), b, now, troubles, nobody)
		return err
	}
	hot := alarm.Trouble{ID: "1", Box: "attic", Kind: "temperature", Text: "it is hot", Again: "temperature is over"}
	for _, status = range []int{500, 302, 204} {
		if err := round(hot); (err == nil) != (status == 204) {
			t.Errorf("at %d: %v", status, err)
		}
	}
	if err := errors.Join(round(hot), round()); err != nil {
		t.Error(err)
	}
	want := []string{"trouble attic: it is hot", "trouble attic: it is hot", "trouble attic: it is hot", "over attic: temperature is over"}
	if !slices.Equal(got, want) {
		t.Errorf("the webhook got %q, want %q", got, want)
	}
	server.Close()
	if err := round(hot); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("without a server: %v", err)
	}
	for _, bad := range []string{"x", "ftp://a/b", "http://", "file:///etc/passwd", "://"} {
		if err := (&alarm.Teller{Webhook: bad}).Check(); err == nil {
			t.Errorf("%q is taken for a webhook", bad)
		}
	}
}
