package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageStyle string
)

// A Page answers browsers. It is safe for concurrent use.
type Page struct {
	look     func() Facts
	template *template.Template
	policy   string
}

// New returns the page of what look tells at each request. Look should answer at
// once.
func New(look func() Facts) *Page {
	style := strings.TrimSpace(pageStyle)
	p := &Page{look: look}
	p.template = template.Must(template.New("page").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
	}).Parse(pageHTML))
	hash := sha256.Sum256([]byte(style))
	p.policy = strings.Join([]string{
		"default-src 'none'",
		"style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'",
		"img-src data:", // the empty icon, so that none is asked for
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
	return p
}

// ServeHTTP shows the page, to those who read it by a name of the box's own.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.head(w.Header())
	f := p.look()
	switch {
	case !ours(r.Host, f.Host, f.Tag):
		// What a page of elsewhere, whose name was made to point here, may read.
		refuse(w, "This box answers only to its address and to its own name, as on its label.\n"+
			"Diese Box antwortet nur unter ihrer Adresse und ihrem eigenen Namen, wie auf dem Etikett.", http.StatusMisdirectedRequest)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, "This page can only be read.\nDiese Seite lässt sich nur lesen.", http.StatusMethodNotAllowed)
		return
	}
	l := choose(strings.Join(r.Header.Values("Accept-Language"), ","))
	if name := strings.TrimPrefix(r.URL.Path, "/"); name != "" {
		known := false
		for _, o := range languages {
			if o.tag == name {
				l, known = o, true
			}
		}
		if !known {
			refuse(w, "There is one page here: /\nHier gibt es nur eine Seite: /", http.StatusNotFound)
			return
		}
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, l.make(f)); err != nil {
		panic("page: " + err.Error()) // the template fails at no facts
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", l.tag)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Vary", "Accept-Language")
	_, _ = w.Write(b.Bytes()) // the browser has gone: it will ask again
}

// head sets what every answer says: run nothing, fetch nothing, frame it nowhere,
// keep nothing, tell nobody.
func (p *Page) head(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
}

func refuse(w http.ResponseWriter, text string, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

// ours reports whether a request's Host is one under which the box is read: an
// address, localhost, or the box's own name, bare (as routers know it) or with
// .local. Any other name may be made to point at the box by whoever owns it, and a
// browser would let that page read this one (DNS rebinding).
func ours(host string, names ...string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = host // without a port
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6()
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "localhost" {
		return true
	}
	name = strings.TrimSuffix(name, ".local")
	for i, own := range names {
		if own == "" {
			continue
		}
		own = strings.ToLower(own)
		if i == 1 { // the tag
			own = "cobox-" + own
		}
		if name == own {
			return true
		}
	}
	return false
}
