package seeder

import (
	"cobox/seeder/api"
)

// A Lack says why a seeder runs without its store.
type Lack struct {
	Trouble api.StoreTrouble
	Code    api.Code // of the answers to all that needs the store
	Text    string   // for a person, with what to do
}

// storeless are the requests that are answered without a store.
var storeless = []string{"GET /v1/status", "GET /v1/figures"}

// lack is the answer to what needs the store; nil when that is there.
func (s *Seeder) lack() error {
	var l Lack
	switch {
	case s.store == nil:
		l = s.cfg.Lack()
	case s.cfg.Gone != nil:
		gone := s.cfg.Gone()
		if gone == nil {
			return nil
		}
		l = *gone
	default:
		return nil
	}
	return &api.Error{Code: l.Code, Text: "the box is without its store: " + l.Text}
}
