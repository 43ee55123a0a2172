package page_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/page"
	"cobox/appliance/sensors"
	"cobox/metrics"
	"cobox/metrics/metricstest"
	"cobox/seeder/pin"

	"golang.org/x/net/html"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pointer[T any](v T) *T { return &v }

// facts are those of a box in good health, with a change to what it was judged by.
func facts(change func(*metrics.Snapshot)) page.Facts {
	s := metricstest.Box(now, 7, 4321)
	if change != nil {
		change(&s)
	}
	var h page.History
	for i := range page.Steps {
		h.Add(time.Duration(i)*page.Step, page.Sample{Received: pointer(uint64(i) * 1e6), Sent: pointer(uint64(i) * 1e5), Used: pointer(0.4), Celsius: pointer(51.5)})
	}
	return page.Facts{
		Host: "cobox-7k3f9q", Tag: "7K3F9Q", Version: "1.4.0", Uptime: 72 * time.Hour, Owner: page.Paired,
		Addrs: []string{"192.168.1.7"}, Health: health.Examine(s.Facts()), Day: h.Day(),
	}
}

// stories are all that a box may have to say.
var stories = map[string]page.Facts{
	"fine":       facts(nil),
	"unexamined": {Host: "cobox-7k3f9q", Owner: page.Paired},
	"nothing":    {},
	"unpaired":   {Host: "cobox-7k3f9q", Tag: "7K3F9Q", Owner: page.Unpaired, Window: 40 * time.Minute},
	"closed":     {Host: "cobox-7k3f9q", Tag: "7K3F9Q", Owner: page.Unpaired},
	"no code":    {Owner: page.NoCode},
	"damaged":    {Host: "cobox-7k3f9q", Owner: page.Damaged},
	"retired":    {Host: "attic", Owner: page.Retired, Health: facts(nil).Health},
	"warm":       facts(func(s *metrics.Snapshot) { s.Machine.Temperatures[0].Celsius = 78 }),
	"no disk": facts(func(s *metrics.Snapshot) {
		s.Machine.Volumes[1] = sensors.Volume{Name: health.DataVolume}
	}),
	"frozen": facts(func(s *metrics.Snapshot) { s.Seeder.Pins = map[pin.State]int{pin.Frozen: 1234, pin.Complete: 55} }),
	"silent": facts(func(s *metrics.Snapshot) { s.Seeder = nil }),
}

// get asks for the page by the box's own name.
func get(f page.Facts, language string) *httptest.ResponseRecorder {
	return ask(f, http.MethodGet, "localhost", "/", language)
}

func ask(f page.Facts, method, host, path, language string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	if language != "" {
		r.Header.Set("Accept-Language", language)
	}
	w := httptest.NewRecorder()
	page.New(func() page.Facts { return f }).ServeHTTP(w, r)
	return w
}

// walk calls visit with every node of a page.
func walk(t testing.TB, text string, visit func(*html.Node)) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		visit(n)
	}
}

// words returns what a reader sees.
func words(t testing.TB, text string) string {
	var b strings.Builder
	walk(t, text, func(n *html.Node) {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestCase60Rebinding(t *testing.T) {
	f := stories["fine"]
	for host, want := range map[string]int{
		"192.168.1.7": 200, "192.168.1.7:80": 200, "[fe80::1]": 200, "[2001:db8::1]:8080": 200, "[::1]": 200, "127.0.0.1:4080": 200,
		"localhost": 200, "localhost:4080": 200, "cobox-7k3f9q.local": 200, "COBOX-7K3F9Q.Local.": 200, "cobox-7k3f9q": 200, "cobox-7k3f9q.local:80": 200,

		"evil.example": 421, "evil.example:80": 421, "cobox-7k3f9q.evil.example": 421, "cobox-7k3f9q.local.evil.example": 421,
		"192.168.1.7.evil.example": 421, "7k3f9q.local": 421, "7k3f9q": 421, "cobox.local": 421, "cobox-aaaaaa.local": 421, "local": 421, ".local": 421, "": 421,
		"localhost.evil.example": 421, "localhost:x": 421, "localhost:99999": 421, "[192.168.1.7]": 421, "[fe80::1": 421, "[evil.example]": 421,
		"cobox-7k3f9q.local.local": 421, "a@192.168.1.7": 421,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := ask(f, method, host, "/", "")
			if method == http.MethodPost && want == 200 {
				want = http.StatusMethodNotAllowed
			}
			if w.Code != want {
				t.Errorf("%s, Host %q: %d, want %d", method, host, w.Code, want)
			}
			if body := w.Body.String(); w.Code == 421 && (strings.Contains(strings.ToLower(body), "7k3f9q") || strings.Contains(body, "<")) {
				t.Errorf("Host %q is told %q", host, body)
			}
		}
	}
	renamed := page.Facts{Host: "attic", Tag: "7K3F9Q"}
	for _, host := range []string{"attic.local", "attic", "cobox-7k3f9q.local"} {
		if w := ask(renamed, http.MethodGet, host, "/", ""); w.Code != 200 {
			t.Errorf("Host %q of a renamed box: %d", host, w.Code)
		}
	}
	if w := ask(page.Facts{}, http.MethodGet, "cobox-.local", "/", ""); w.Code != 421 {
		t.Errorf("a box without a name answers to cobox-.local: %d", w.Code)
	}
}

func TestCase61OnlyRead(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodConnect, http.MethodTrace, "PROPFIND", "get"} {
		for _, path := range []string{"/", "/de", "/nothing", "/update/root"} {
			w := ask(stories["fine"], method, "localhost", path, "")
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
	}
	for path, want := range map[string]int{"/": 200, "/en": 200, "/de": 200, "/?code=ABCD": 200, "/fr": 404, "/en/": 404, "/favicon.ico": 404, "//": 404, "/.git": 404} {
		if w := ask(stories["fine"], http.MethodGet, "localhost", path, ""); w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
}

// elements are all that the page is made of.
var elements = strings.Fields(`html head meta title link style body header main section footer nav div p span h1 h2 h3 b
	ul ol li a code figure figcaption svg path circle`)

// safe checks that a page is nothing but what it should be, whatever it was told.
func safe(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !slices.Contains(strings.Split(policy, "; "), part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q", policy)
	}
	h := w.Header()
	if h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", h)
	}
	if h.Values("Set-Cookie") != nil || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers: %v", h)
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		return
	}
	styles := 0
	walk(t, w.Body.String(), func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if !slices.Contains(elements, n.Data) {
			t.Errorf("there is a <%s>", n.Data)
		}
		if n.Data == "style" {
			styles++
		}
		for _, a := range n.Attr {
			key := strings.ToLower(a.Key)
			switch {
			case strings.HasPrefix(key, "on"), key == "style", key == "src", key == "srcset", key == "action", key == "http-equiv", key == "xlink:href":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case key == "href" && a.Val != "/en" && a.Val != "/de" && a.Val != "data:,":
				t.Errorf("<%s href=%q>", n.Data, a.Val)
			}
		}
	})
	if styles != 1 {
		t.Errorf("%d styles", styles)
	}
}

func TestCase62Escaping(t *testing.T) {
	for _, bad := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, `' onload='alert(1)`, "</title><base href=//evil.example>",
		"</style><script>", "{{.}}", "&lt;script&gt;", "javascript:alert(1)", "\x00\xff<b>", "</svg><svg onload=alert(1)>", "<!--", strings.Repeat("<", 5000),
	} {
		f := stories["warm"]
		f.Host, f.Tag, f.Version, f.Addrs = bad, bad, bad, []string{bad}
		f.Health.Checks = slices.Clone(f.Health.Checks)
		for i := range f.Health.Checks {
			f.Health.Checks[i].Text, f.Health.Checks[i].Title = health.Text{EN: bad, DE: bad}, health.Text{EN: bad, DE: bad}
		}
		w := get(f, "")
		if w.Code != 200 {
			t.Errorf("%q: %d", bad, w.Code)
		}
		safe(t, w)
	}
}

// Whatever it tells, in whichever language, the page is safe, whole, and asks for
// nothing.
func TestStories(t *testing.T) {
	for name, f := range stories {
		for _, language := range []string{"en", "de"} {
			w := get(f, language)
			safe(t, w)
			text := words(t, w.Body.String())
			for _, broken := range []string{"{", "}", "NaN", "Inf", "<no value>", "ZgotmplZ"} {
				if strings.Contains(text, broken) {
					t.Errorf("%s, %s: %q in %s", name, language, broken, text)
				}
			}
			if w.Header().Get("Content-Language") != language {
				t.Errorf("%s: speaks %q instead of %s", name, w.Header().Get("Content-Language"), language)
			}
			if n := w.Body.Len(); n > 40<<10 {
				t.Errorf("%s: %d bytes", name, n)
			}
			head := ask(f, http.MethodHead, "localhost", "/", language)
			if head.Code != 200 || head.Header().Get("Content-Length") != w.Header().Get("Content-Length") {
				t.Errorf("%s: HEAD is %d, %v", name, head.Code, head.Header())
			}
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string][2]string{
		"fine":       {"All is well", "Alles in Ordnung"},
		"unpaired":   {"the time left for that is 40 minutes", "verbleibende Zeit: 40 Minuten"},
		"closed":     {"Pull the power plug", "Netzstecker ziehen"},
		"no code":    {"never given a code", "nie einen Code bekommen"},
		"damaged":    {"mkimage reset-card", "mkimage reset-card"},
		"retired":    {"Out of service", "Außer Dienst"},
		"warm":       {"cpu-thermal is at 78 °C: give the box more air", "bitte für mehr Luft sorgen"},
		"no disk":    {"Not found: the data disk", "Nicht gefunden: der Datenträger"},
		"frozen":     {"contradicts itself", "widerspricht sich"},
		"unexamined": {"Load this page again in a minute", "in einer Minute neu laden"},
		"silent":     {"does not answer", "antwortet nicht"},
	} {
		for i, language := range []string{"en", "de"} {
			if text := words(t, get(stories[name], language).Body.String()); !strings.Contains(text, want[i]) {
				t.Errorf("%s lacks %q: %s", name, want[i], text)
			}
		}
	}
	for _, name := range []string{"unpaired", "closed"} {
		text := words(t, get(stories[name], "").Body.String())
		if !strings.Contains(text, "coboxctl pair") || !strings.Contains(text, "Never type the code into a web page") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestLanguages(t *testing.T) {
	for wish, want := range map[string]string{
		"": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.5": "de", "en-GB,de": "en", "fr,de;q=0.5,en;q=0.1": "de", "fr": "en", "gsw": "de",
		"*": "en", "de;q=0": "en", ";;;": "en", strings.Repeat("de,", 3000): "de",
	} {
		if got := get(stories["fine"], wish).Header().Get("Content-Language"); got != want {
			t.Errorf("Accept-Language %.40q: speaks %s, want %s", wish, got, want)
		}
	}
	if got := ask(stories["fine"], http.MethodGet, "localhost", "/de", "en").Header().Get("Content-Language"); got != "de" {
		t.Errorf("/de speaks %s", got)
	}
}

// Nothing that a box knows of partners is on the page: no number of pins, of feeds,
// of partners, nor what they use.
func TestNothingOfPartners(t *testing.T) {
	for name, f := range stories {
		for _, language := range []string{"en", "de"} {
			text := words(t, get(f, language).Body.String())
			for _, secret := range []string{"4321", "1234", "55 ", "4376", "p1", "p7", " 60 GB", " 100 GB"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s, %s: %q in %s", name, language, secret, text)
				}
			}
		}
	}
	pins := 0
	for _, finding := range health.Findings() {
		if !strings.HasPrefix(string(finding), "pins-") || finding == health.PinsUnknown {
			continue
		}
		pins++
		f := stories["fine"]
		f.Health = health.Report{At: now, Checks: []health.Result{{Check: health.CheckPins, Finding: finding, State: health.OK, Text: health.Text{EN: "secret", DE: "secret"}}}}
		if text := words(t, get(f, "").Body.String()); strings.Contains(text, "secret") {
			t.Errorf("%s is told as health tells it", finding)
		}
	}
	if pins < 5 {
		t.Errorf("only %d findings about pins", pins)
	}
}

// TestCase59NoUpdates: where a box answers to browsers, nothing is of gokrazy's own pages, by
// which it would be updated, switched off, and looked into.
func TestCase59NoUpdates(t *testing.T) {
	for _, path := range []string{
		"/update/root", "/update/boot", "/update/bootonly", "/update/mbr", "/update/testboot", "/update/switch", "/update/features", "/update/",
		"/reboot", "/poweroff", "/uploadtemp/x", "/divert", "/stop", "/restart", "/status", "/log",
	} {
		if w := ask(stories["fine"], http.MethodGet, "localhost", path, ""); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, w.Code)
		}
		for _, method := range []string{http.MethodPut, http.MethodPost} {
			if w := ask(stories["fine"], method, "localhost", path, ""); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
}
