package page_test

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"cobox/appliance/page"
)

// Whatever a stranger asks, he is answered in one of few ways, and with a page that
// is safe.
func FuzzRequest(f *testing.F) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"HEAD /de HTTP/1.1\r\nHost: cobox-7k3f9q.local:80\r\nAccept-Language: de-AT;q=0.3, *\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: 192.168.1.7\r\nContent-Length: 3\r\nOrigin: http://evil.example\r\n\r\na=b",
		"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /%00 HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n",
	} {
		f.Add([]byte(text))
	}
	p := page.New(func() page.Facts { return stories["warm"] })
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 404, 405, 421}, w.Code) {
			t.Errorf("%q: %d", text, w.Code)
		}
		safe(t, w)
	})
}

// Whatever the box is called, the page is safe.
func FuzzFacts(f *testing.F) {
	f.Add("cobox-7k3f9q", "7K3F9Q", "1.4.0", "192.168.1.7", "de", int64(time.Hour), 0.5, uint64(7))
	f.Add("</title><script>", "\"", "'", "<", "*", int64(-1), -1e300, uint64(1)<<63)
	f.Fuzz(func(t *testing.T, host, tag, version, addr, language string, window int64, figure float64, count uint64) {
		facts := stories["no disk"]
		facts.Host, facts.Tag, facts.Version, facts.Addrs = host, tag, version, []string{addr}
		facts.Window, facts.Uptime = time.Duration(window), time.Duration(count)
		var h page.History
		h.Add(0, page.Sample{Received: new(uint64), Celsius: &figure, Used: &figure})
		h.Add(page.Step, page.Sample{Received: &count, Celsius: &figure})
		facts.Day = h.Day()
		for _, owner := range []page.Owner{page.Paired, page.Unpaired, page.Owner(host)} {
			facts.Owner = owner
			w := get(facts, language)
			if w.Code != 200 {
				t.Errorf("%d", w.Code)
			}
			safe(t, w)
		}
	})
}
