package camera_test

import (
	"context"
	"strings"
	"testing"

	"cobox/provision/viewfinder"
)

// ground is the colour of the table on which labels lie.
const ground = "#b8b0a0"

// A mishap is what may happen between a printed label and a photo of it, as
// arguments of ImageMagick's convert. Before it the label is 8 pixels a module.
type mishap struct {
	name string
	args string
	zbar bool // zbarimg reads it too; viewfinder reads all of them
}

// The strengths are about two thirds of what both readers stand, where both do,
// as measured with zbar 0.23.92 and ImageMagick 6.9: blur of up to 3.5 pixels (we:
// 4.5), motion of 9 (12), noise of 2 (3), a light of 4 % (4 %), a fifth (a sixth)
// of the size, sides in the proportion 2:1.
var mishaps = []mishap{
	{"as it is", "", true},
	{"turned a little", "-background " + ground + " -rotate 7", true},
	{"turned", "-background " + ground + " -rotate -22", true},
	{"turned by 45 degrees", "-background " + ground + " -rotate 45", false},
	{"on its side", "-rotate 90", true},
	{"upside down", "-background " + ground + " -rotate 187", true},
	{"in a mirror", "-flop", true},
	{"out of focus", "-blur 0x2.4", true},
	{"far out of focus", "-blur 0x3.3", false},
	{"shaken", "-motion-blur 0x6+30", true},
	{"shaken much", "-motion-blur 0x9+30", false},
	{"noisy", "-attenuate 1.2 +noise Gaussian", true},
	{"dust and scratches", "-attenuate 0.6 +noise Impulse", false},
	{"dim", "-evaluate Multiply 0.08", true},
	{"in fog", "+level 60%,80%", true},
	{"dim and noisy", "-evaluate Multiply 0.3 -attenuate 0.25 +noise Gaussian", true},
	{"half in shade", "( -clone 0 -sparse-color Barycentric 0,0,white,%w,%h,gray25 ) -compose Multiply -composite", true},
	{"from the side", "-virtual-pixel background -background " + ground + " -distort Perspective 0,0,0,0,0,%h,0,%h,%w,0,%[fx:w*.8],%[fx:h*.15],%w,%h,%[fx:w*.8],%[fx:h*.85]", true},
	{"from below", "-virtual-pixel background -background " + ground + " -distort Perspective 0,0,%[fx:w*.12],%[fx:h*.2],%w,0,%[fx:w*.88],%[fx:h*.2],0,%h,0,%h,%w,%h,%w,%h", true},
	{"on a bottle", "-virtual-pixel background -background " + ground + " -distort Barrel 0.1,0,0,1", true},
	{"small", "-resize 30%", true},
	{"very small", "-resize 18%", false},
	{"a poor JPEG", "-quality 8", true},
	{"on a dark terminal", "-negate", false},
	{"all of it", "-background " + ground + " -rotate 8 -virtual-pixel background -distort Perspective 0,0,20,10,0,%h,0,%h,%w,0,%[fx:w*.95],%[fx:h*.05],%w,%h,%w,%h -blur 0x1.2 -evaluate Multiply 0.5 -attenuate 0.3 +noise Gaussian -quality 60", true},
}

// photograph returns a photo of the QR of text that lies on a table, as JPEG.
func photograph(ctx context.Context, t *testing.T, text string, m mishap) []byte {
	t.Helper()
	args := append([]string{"-", "-bordercolor", ground, "-border", "120", "-seed", "7", "-quality", "85"}, strings.Fields(m.args)...)
	return output(ctx, t, drawn(t, text, 8), "convert", append(args, "jpeg:-")...)
}

// TestPhotographs: labels and invites are read from poor photographs.
func TestPhotographs(t *testing.T) {
	ctx := begin(t)
	all := texts(t, 3)
	for _, m := range mishaps {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			for _, text := range all {
				readPhotograph(ctx, t, photograph(ctx, t, text, m), text, m)
			}
		})
	}
}

func readPhotograph(ctx context.Context, t *testing.T, photo []byte, want string, m mishap) {
	t.Helper()
	kind, _, _ := strings.Cut(want, ":")
	if got, err := viewfinder.ReadPhoto(strings.NewReader(string(photo))); got != want {
		t.Errorf("%s: ReadPhoto reads %q, %v, want %q", kind, got, err, want)
	}
	if got := zbar(ctx, photo); m.zbar && got != want {
		t.Errorf("%s: zbarimg reads %q, want %q", kind, got, want)
	}
}
