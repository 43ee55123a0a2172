package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"cobox/provision/pairing"
)

// readPage asks for a box's status page.
func readPage(ctx context.Context, b *box, host string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.page+"/", nil)
	if err != nil {
		return 0, "", err
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// The page of a real box follows its life, and never says its code.
func TestStatusPage(t *testing.T) {
	b := startBox(t)
	says := func(want string) {
		t.Helper()
		eventually(t, "the page", func() error {
			status, text, err := readPage(t.Context(), b, "localhost")
			if err != nil || status != http.StatusOK || !strings.Contains(text, want) {
				return fmt.Errorf("status %d, %v, no %q in %s", status, err, want, text)
			}
			for _, code := range []string{b.code.Text(), strings.ReplaceAll(b.code.Text(), "-", "")} {
				if strings.Contains(strings.ToUpper(text), code) {
					t.Fatal("the code is on the page")
				}
			}
			return nil
		})
	}
	says("Waiting for its owner")
	says("coboxctl pair")
	ada := newPerson(t, 2)
	// The page is there before the seeder has heard that somebody is expected.
	eventually(t, "pairing", func() error { return ada.use(t, b, b.code.Claim(), pairing.Operator, ada.key) })
	says("All checks")
	says("Seeder</b> <span class=\"state\">fine")
	if status, text, err := readPage(t.Context(), b, "evil.example"); err != nil || status != http.StatusMisdirectedRequest {
		t.Errorf("by a foreign name: %d, %v, %s", status, err, text)
	}
}
