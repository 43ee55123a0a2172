package alarm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// A Teller tells people. With neither a command nor a webhook it does nothing.
type Teller struct {
	Command string    // for the shell: see [Teller.Tell]
	Webhook string    // an http or https URL
	Output  io.Writer // what the command writes
}

// tellTime is how long telling one event may take.
const tellTime = 30 * time.Second

// Check reports whether the teller can be used as it is.
func (t *Teller) Check() error {
	if t.Webhook == "" {
		return nil
	}
	u, err := url.Parse(t.Webhook)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is not the URL of a webhook, such as https://example.org/hook", t.Webhook)
	}
	return nil
}

// A message is what a webhook and a command's standard input get.
type message struct {
	Event string    `json:"event"` // "trouble" or "over"
	Box   string    `json:"box"`
	ID    string    `json:"id"`
	Kind  string    `json:"kind"`
	Text  string    `json:"text"` // a whole sentence with the box's name, as chat programs show it
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
}

// Words returns what a person is told of an event, in one line.
func (e Event) Words() string {
	if e.Over {
		return fmt.Sprintf("%s: %s", e.Box, e.Again)
	}
	return fmt.Sprintf("%s: %s", e.Box, e.Text)
}

func (e Event) message() message {
	m := message{"trouble", e.Box, e.ID, e.Kind, e.Words(), e.Since, e.At}
	if e.Over {
		m.Event = "over"
	}
	return m
}

// Tell tells one event. The command gets a message as JSON on its standard input,
// and its parts in COBOX_EVENT (trouble, over), COBOX_BOX, COBOX_ID, COBOX_KIND and
// COBOX_TEXT: what a box says is never part of what the shell reads. The webhook
// gets the JSON by POST, and has to answer with success.
func (t *Teller) Tell(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	m := e.message()
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if t.Command != "" {
		err = t.run(ctx, m, body)
	}
	if t.Webhook != "" {
		err = errors.Join(err, t.post(ctx, body))
	}
	return err
}

func (t *Teller) run(ctx context.Context, m message, body []byte) error {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/c"
	}
	cmd := exec.CommandContext(ctx, shell, flag, t.Command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), t.Output, t.Output
	cmd.WaitDelay = time.Second // for what it left running, with our output open
	cmd.Env = os.Environ()
	for name, value := range map[string]string{"EVENT": m.Event, "BOX": m.Box, "ID": m.ID, "KIND": m.Kind, "TEXT": m.Text} {
		cmd.Env = append(cmd.Env, "COBOX_"+name+"="+strings.ReplaceAll(value, "\x00", ""))
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it took longer than %v", tellTime)
	}
	if err != nil {
		return fmt.Errorf("running the command %q: %w", t.Command, err)
	}
	return nil
}

// maxReply bounds what is read of a webhook's answer, in bytes.
const maxReply = 64 << 10

func (t *Teller) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Webhook, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("calling the webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL, which may hold a secret
		}
		return fmt.Errorf("calling the webhook: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxReply)) // so that the connection ends well
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("calling the webhook: it answers %s", resp.Status)
	}
	return nil
}

// Round tells all that is new about the troubles that there are now, and notes it in
// the book. It returns what was told. What could not be told stays to be told, and
// the error says why.
func (t *Teller) Round(ctx context.Context, b *Book, now time.Time, troubles []Trouble, blind func(id string) bool) (told []Event, err error) {
	for _, e := range b.Compare(now, troubles, blind) {
		if failed := t.Tell(ctx, e); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		told = append(told, e)
		if failed := b.Told(e); failed != nil {
			return told, errors.Join(err, failed)
		}
	}
	return told, err
}
