package viewfinder

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// The page's parts. They are one document in the end: it asks for nothing but
// what it sends.
var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// writePage returns the page with the token that its script sends along.
func writePage(token string) ([]byte, error) {
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, struct {
		Token  string
		Style  template.CSS
		Script template.JS
	}{token, template.CSS(pageStyle), template.JS(pageScript)})
	return b.Bytes(), err
}

// setPolicy sets the headers by which a browser lets the page do what it does and
// nothing else: run its one script and style, known by their hashes; talk to where
// it came from; use the camera. No other page may frame it, fetch it, or keep a
// handle on its window, and nothing of it is kept on disk.
func setPolicy(h http.Header) {
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashOf(pageScript),
		"style-src " + hashOf(pageStyle),
		"img-src data:", // the empty icon, so that none is asked for
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; "))
	h.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), serial=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// hashOf names an inline script or style in a Content-Security-Policy.
func hashOf(inline string) string {
	sum := sha256.Sum256([]byte(inline))
	return fmt.Sprintf("'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
}
