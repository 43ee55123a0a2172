package viewfinder

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// The bounds of what the page may send. It brings pictures to these sizes itself.
const (
	maxFrameBytes  = 8 << 20
	maxFramePixels = 12_000_000
)

// tokenHeader carries the page's token. A header of our own can be sent by no
// other page: its browser asks first, and is not answered.
const tokenHeader = "X-CoBox-Token"

// A server is the page and what it sends its pictures to.
type server struct {
	host    string // 127.0.0.1:PORT, the only one that is answered
	path    string // /SECRET/
	token   string
	page    []byte
	looking chan struct{} // holds one value while a picture is looked at
	found   chan string   // takes the one text that was read
}

// An answer is what the page is told about a picture. Never the text: a page
// needs no code, and what it does not have it cannot lose.
type answer struct {
	State   string `json:"state"`   // "looking": send another; "done"
	Message string `json:"message"` // for the person, when something can be said
}

// ServeHTTP answers the page's requests, and refuses what may come from others:
// from other names for this address (a page of elsewhere that has its name point
// here), from other origins, and from whoever does not have the path or the token.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setPolicy(w.Header())
	switch {
	case r.Host != s.host:
		http.Error(w, "This address answers to its own name only.", http.StatusMisdirectedRequest)
	case !s.sameOrigin(r):
		http.Error(w, "Not for other pages.", http.StatusForbidden)
	case r.URL.Path == s.path:
		s.servePage(w, r)
	case r.URL.Path == s.path+"frame":
		s.serveLook(w, r, quick)
	case r.URL.Path == s.path+"photo":
		s.serveLook(w, r, thorough)
	default:
		http.Error(w, "Nothing is here.", http.StatusNotFound)
	}
}

// sameOrigin reports whether r comes from the page itself or from somebody who
// opens it. Browsers tell in Sec-Fetch-Site, old ones in Origin.
func (s *server) sameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+s.host {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	// A link in a terminal that is itself a web page: a person opens it, as a
	// whole window.
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func (s *server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		refuseMethod(w, http.MethodGet)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(s.page) // the browser has gone: it will ask again
}

func refuseMethod(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	http.Error(w, "Not in this way.", http.StatusMethodNotAllowed)
}

// serveLook looks at a picture. One at a time: a second window of the page
// is told to wait, and nothing that it sends is read before.
func (s *server) serveLook(w http.ResponseWriter, r *http.Request, e effort) {
	switch {
	case r.Method != http.MethodPost:
		refuseMethod(w, http.MethodPost)
		return
	case subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.token)) != 1:
		http.Error(w, "Not from this page.", http.StatusForbidden)
		return
	case r.ContentLength > maxFrameBytes:
		w.Header().Set("Connection", "close") // rather than reading it
		http.Error(w, "The picture is too large.", http.StatusRequestEntityTooLarge)
		return
	}
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	default:
		http.Error(w, "Another picture is being looked at.", http.StatusTooManyRequests)
		return
	}
	picture, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFrameBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "The picture is too large.", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // the browser has gone
	}
	text, err := readPhoto(picture, maxFramePixels, e)
	s.reply(w, text, err, e)
}

// reply tells the page, and then the caller of Read.
func (s *server) reply(w http.ResponseWriter, text string, err error, e effort) {
	a := answer{State: "done"}
	if err != nil {
		a.State = "looking"
		if e == thorough || !errors.Is(err, ErrNotFound) {
			a.Message = sentence(err)
		}
	}
	b, jsonErr := json.Marshal(a)
	if jsonErr != nil {
		panic("viewfinder: " + jsonErr.Error()) // two strings
	}
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		w.Header().Set("Connection", "close") // there will be nothing more to ask
	}
	_, _ = io.Copy(w, bytes.NewReader(append(b, '\n')))
	if err == nil {
		select {
		case s.found <- text:
		default: // was found in another window already
		}
	}
}

// sentence makes an error into what a page shows.
func sentence(err error) string {
	return fmt.Sprintf("Not yet: %v.", err)
}
