package viewfinder_test

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"cobox/provision/label"
	"cobox/provision/viewfinder"
)

func TestSmoke(t *testing.T) {
	p, err := label.Draw("COBOX1:04HMASW9NF6YY0938NV8-7K3F9Q")
	if err != nil {
		t.Fatal(err)
	}
	for scale := 1; scale < 40; scale++ {
		var b bytes.Buffer
		p.PNG(&b, scale)
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := viewfinder.ReadImage(img)
		t.Log(scale, got, err)
	}
	_, err = viewfinder.ReadImage(image.NewGray(image.Rect(0, 0, 4000, 3000)))
	t.Log(err)
}
