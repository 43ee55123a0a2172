package main

import (
	"context"
	"fmt"
	"os"

	"cobox/provision/viewfinder"
	"cobox/seeder/cli"
)

// readPhoto returns the text of the QR in a photo.
func readPhoto(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := viewfinder.ReadPhoto(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// readCamera opens a page for this computer's camera and returns what it saw.
func readCamera(ctx context.Context, c *cli.Call) (string, error) {
	return viewfinder.Read(ctx, func(url string) error {
		c.Note("hold the label before the camera; if no page has opened, open this one on this computer:\n  %s", url)
		if err := viewfinder.Browse(url); err != nil {
			c.Note("no page was opened: %v", err) // the person can open it
		}
		return nil
	})
}
