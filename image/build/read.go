package build

import (
	"errors"
	"fmt"
	"io"

	"cobox/appliance/release"
	"cobox/image/card"
	"cobox/image/squashfs"
)

// maxSystem bounds what an image says that it is, in bytes.
const maxSystem = 4 << 10

// System returns what an image of size bytes is, and its root file system. The image
// is as [Image] made it: on a card that was updated the two do not belong together.
func System(image io.ReaderAt, size int64) (release.System, []byte, error) {
	text, err := card.ReadFile(image, size, SystemFile, maxSystem)
	if err != nil {
		return release.System{}, nil, err
	}
	s, err := release.ParseSystem(text)
	if err != nil {
		return s, nil, fmt.Errorf("reading what the image is: %w", err)
	}
	n, err := squashfs.Size(io.NewSectionReader(image, rootStart, rootSize))
	if err != nil {
		return s, nil, err
	}
	if n > SlotSize || rootStart+n > size {
		return s, nil, errors.New("the root file system is larger than the image has room for")
	}
	root := make([]byte, n)
	if _, err := image.ReadAt(root, rootStart); err != nil {
		return s, nil, fmt.Errorf("reading the root file system: %w", err)
	}
	return s, root, nil
}
