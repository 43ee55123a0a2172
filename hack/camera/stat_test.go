package camera_test

import (
	"bytes"
	"cobox/provision/viewfinder"
	"testing"
)

func TestStat(t *testing.T) {
	ctx := begin(t)
	all := texts(t, 12)
	for _, m := range append(mishaps, mishap{"b4", "-blur 0x4", true}, mishap{"b3.6", "-blur 0x3.6", true}) {
		z, r := 0, 0
		for _, text := range all {
			p := photograph(ctx, t, text, m)
			if zbar(ctx, p) == text {
				z++
			}
			if g, _ := viewfinder.ReadPhoto(bytes.NewReader(p)); g == text {
				r++
			}
		}
		t.Log(m.name, "zbar", z, "ours", r, "of", len(all))
	}
}
