package camera_test

import (
	"context"
	"math/rand/v2"
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
	zbar by // what of it zbarimg reads too; viewfinder reads all of them
}

// by says what zbarimg reads.
type by int

const (
	neither by = iota
	bareQR     // a QR alone, and not one on a whole label
	both
)

// The strengths are about two thirds of what both readers stand, where both do,
// as measured with zbar 0.23.92 and ImageMagick 6.9: blur of up to 3.5 pixels (we:
// 4.5), motion of 9 (12), noise of 2 (3), a light of 4 % (4 %), a fifth (a sixth)
// of the size, sides in the proportion 2:1.
var mishaps = []mishap{
	{"as it is", "", both},
	{"turned a little", "-background " + ground + " -rotate 7", both},
	{"turned", "-background " + ground + " -rotate -22", both},
	{"turned by 45 degrees", "-background " + ground + " -rotate 45", neither},
	{"on its side", "-rotate 90", both},
	{"upside down", "-background " + ground + " -rotate 187", both},
	{"in a mirror", "-flop", both},
	{"out of focus", "-blur 0x2.4", both},
	{"far out of focus", "-blur 0x3.3", neither},
	{"shaken", "-motion-blur 0x6+30", both},
	{"shaken much", "-motion-blur 0x9+30", neither},
	{"noisy", "-attenuate 1.2 +noise Gaussian", both},
	{"dust and scratches", "-attenuate 0.6 +noise Impulse", neither},
	{"dim", "-evaluate Multiply 0.08", both},
	{"in fog", "+level 60%,80%", both},
	{"dim and noisy", "-evaluate Multiply 0.3 -attenuate 0.25 +noise Gaussian", both},
	{"half in shade", "( -clone 0 -sparse-color Barycentric 0,0,white,%w,%h,gray25 ) -compose Multiply -composite", both},
	{"from the side", "-virtual-pixel background -background " + ground + " -distort Perspective 0,0,0,0,0,%h,0,%h,%w,0,%[fx:w*.8],%[fx:h*.15],%w,%h,%[fx:w*.8],%[fx:h*.85]", both},
	{"from below", "-virtual-pixel background -background " + ground + " -distort Perspective 0,0,%[fx:w*.12],%[fx:h*.2],%w,0,%[fx:w*.88],%[fx:h*.2],0,%h,0,%h,%w,%h,%w,%h", both},
	{"on a bottle", "-virtual-pixel background -background " + ground + " -distort Barrel 0.1,0,0,1", bareQR},
	{"small", "-resize 30%", both},
	{"very small", "-resize 18%", neither},
	{"a poor JPEG", "-quality 8", bareQR},
	{"on a dark terminal", "-negate", neither},
	{"all of it", "-background " + ground + " -rotate 8 -virtual-pixel background -distort Perspective 0,0,20,10,0,%h,0,%h,%w,0,%[fx:w*.95],%[fx:h*.05],%w,%h,%w,%h -blur 0x1.2 -evaluate Multiply 0.5 -attenuate 0.3 +noise Gaussian -quality 60", both},
}

// photograph returns a photo of the QR of text that lies on a table, as JPEG.
func photograph(ctx context.Context, t *testing.T, text string, m mishap) []byte {
	t.Helper()
	return photographed(ctx, t, drawn(t, text, 8), m)
}

// photographed returns a photo of a picture that lies on a table, as JPEG.
func photographed(ctx context.Context, t *testing.T, picture []byte, m mishap) []byte {
	t.Helper()
	args := append([]string{"-", "-bordercolor", ground, "-border", "120", "-seed", "7", "-quality", "85"}, strings.Fields(m.args)...)
	return output(ctx, t, picture, "convert", append(args, "jpeg:-")...)
}

// TestPhotographs: labels and invites are read from poor photographs: the QR as
// terminals and pages show it, and the whole label as it is printed. The codes and
// the noise are the same at each run, because no reader reads everything.
func TestPhotographs(t *testing.T) {
	ctx := begin(t)
	labels := labelsFrom(t, rand.NewChaCha8([32]byte{1}), 2)
	onPaper := make([][]byte, len(labels))
	for i, l := range labels {
		onPaper[i] = output(ctx, t, printed(t, l), "convert", "-", "-resize", "66.67%", "png:-") // 8 pixels a module, as the others
	}
	for _, m := range mishaps {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			for i, l := range labels {
				readPhotograph(ctx, t, photographed(ctx, t, onPaper[i], m), l.Text(), m.zbar == both)
				invite := inviteWith(l.Code).Text()
				readPhotograph(ctx, t, photograph(ctx, t, invite, m), invite, m.zbar != neither)
			}
		})
	}
}

func readPhotograph(ctx context.Context, t *testing.T, photo []byte, want string, byZbar bool) {
	t.Helper()
	kind, _, _ := strings.Cut(want, ":")
	if got, err := viewfinder.ReadPhoto(strings.NewReader(string(photo))); got != want {
		t.Errorf("%s: ReadPhoto reads %q, %v, want %q", kind, got, err, want)
	}
	if got := zbar(ctx, photo); byZbar && got != want {
		t.Errorf("%s: zbarimg reads %q, want %q", kind, got, want)
	}
}
