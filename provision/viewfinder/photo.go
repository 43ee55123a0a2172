package viewfinder

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
)

// The bounds of a photo. They are checked before anything of that size is set
// aside: a PNG of a few kilobytes may speak of pixels that no memory holds.
const (
	maxPhotoBytes  = 64 << 20   // the largest cameras' files are half of it
	maxPhotoPixels = 52_000_000 // 50 megapixels, which telephones can be set to; up to 8 bytes each
	maxSide        = 16384      // pixels; panoramas are not labels
)

// ErrFormat says that a file is not a PNG or a JPEG.
var ErrFormat = errors.New("not a PNG or a JPEG")

// ReadPhoto returns the text of the label's or the invite's QR in the photo that
// file holds, a PNG or a JPEG of up to 64 MiB and 52 million pixels, as
// [ReadImage] does. Of the file it reads no more than that. When it is something
// else, the error wraps [ErrFormat] and says what can be done.
func ReadPhoto(file io.Reader) (text string, err error) {
	b, err := io.ReadAll(io.LimitReader(file, maxPhotoBytes+1))
	if err != nil {
		return "", fmt.Errorf("reading a photo: %w", err)
	}
	if len(b) > maxPhotoBytes {
		return "", fmt.Errorf("reading a photo: the file has more than the %d MiB that a photo may have: save it smaller", maxPhotoBytes>>20)
	}
	return readPhoto(b, maxPhotoPixels, thorough)
}

// readPhoto reads a PNG or JPEG of up to maxPixels.
func readPhoto(b []byte, maxPixels int, e effort) (text string, err error) {
	img, err := decodePhoto(b, maxPixels)
	if err != nil {
		return "", fmt.Errorf("reading a photo: %w", err)
	}
	return readImage(img, e)
}

// decodePhoto decodes a PNG or JPEG of up to maxPixels. What the file tells of
// its size is checked first.
func decodePhoto(b []byte, maxPixels int) (image.Image, error) {
	format, err := formatOf(b)
	if err != nil {
		return nil, err
	}
	header, err := format.header(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("its header is damaged: %w", err)
	}
	if err := checkSize(header.Width, header.Height, maxPixels); err != nil {
		return nil, err
	}
	img, err := format.decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("the file is damaged or not whole, copy it again: %w", err)
	}
	return img, nil
}

// checkSize refuses pictures that are too large.
func checkSize(width, height, maxPixels int) error {
	if width < 1 || height < 1 {
		return fmt.Errorf("it is %d x %d pixels large", width, height)
	}
	if width > maxSide || height > maxSide || width*height > maxPixels {
		return fmt.Errorf("it is %d x %d pixels large, more than the %d million that a picture may have: save it smaller, or cut the label out",
			width, height, maxPixels/1_000_000)
	}
	return nil
}

// A format is a kind of file that can be decoded.
type format struct {
	magic  string
	header func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = []format{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
}

// otherFormats are kinds of files that people will try, told by what stands at
// an offset.
var otherFormats = []struct {
	offset    int
	magic, is string
}{
	{4, "ftyp", "a HEIC, AVIF or film: export it as JPEG, or set the telephone's camera to the most compatible format"},
	{8, "WEBP", "a WebP: save it as PNG or JPEG"},
	{0, "GIF8", "a GIF: save it as PNG or JPEG"},
	{0, "BM", "a BMP: save it as PNG or JPEG"},
	{0, "II*\x00", "a TIFF or a camera's raw file: export it as JPEG"},
	{0, "MM\x00*", "a TIFF or a camera's raw file: export it as JPEG"},
	{0, "%PDF", "a PDF: take a screenshot of it, or type the code"},
	{0, "<svg", "an SVG: open it in a browser and take a screenshot"},
	{0, "<?xml", "an SVG or other XML: open it in a browser and take a screenshot"},
}

// formatOf tells a file by its first bytes: names lie.
func formatOf(b []byte) (format, error) {
	for _, f := range formats {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f, nil
		}
	}
	if len(b) == 0 {
		return format{}, fmt.Errorf("the file is empty: %w", ErrFormat)
	}
	for _, o := range otherFormats {
		if len(b) > o.offset && bytes.HasPrefix(b[o.offset:], []byte(o.magic)) {
			return format{}, fmt.Errorf("%w, but %s", ErrFormat, o.is)
		}
	}
	return format{}, fmt.Errorf("%w: give a photo of the label", ErrFormat)
}
