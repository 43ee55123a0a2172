package main

import (
	"io"

	"cobox/image/card"
	"cobox/provision"
)

// readBootFile reads a file from the boot volume of an image or a card.
func readBootFile(d io.ReaderAt, size int64, name string) ([]byte, error) {
	return card.ReadFile(d, size, name, provision.PersonalSize)
}
