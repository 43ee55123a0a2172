package main

import (
	"context"
	"errors"
	"flag"

	"cobox/provision/label"
	"cobox/seeder/cli"
)

// A codeSource is where a code comes from: typed, a photo, the camera.
type codeSource struct {
	photo  string
	camera bool
}

func (s *codeSource) flags(fs *flag.FlagSet) {
	fs.StringVar(&s.photo, "qr", "", "read the code from a photo of the label, a PNG or JPEG `file`")
	fs.BoolVar(&s.camera, "camera", false, "read the code with this computer's camera, on a page that only this computer can open")
}

// typed reports whether a person types the code.
func (s *codeSource) typed() bool { return s.photo == "" && !s.camera }

var errNoCode = errors.New("no code was given")

// read returns what was given: a label, an invite or a code alone.
func (s *codeSource) read(ctx context.Context, c *cli.Call, what string) (label.Content, error) {
	var text string
	var err error
	switch {
	case s.photo != "" && s.camera:
		return nil, cli.Misuse("-qr and -camera exclude each other")
	case s.photo != "":
		text, err = readPhoto(s.photo)
	case s.camera:
		text, err = readCamera(ctx, c)
	default:
		text, err = c.AskSecret(what)
	}
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, errNoCode
	}
	return label.Parse(text)
}
