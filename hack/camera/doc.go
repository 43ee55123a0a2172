// Package camera shows what is printed for people to programs that nobody here
// wrote: every label and invite, on paper and on a screen, as PNG, SVG and PDF,
// clean and as a poor photograph, to zbarimg and to package viewfinder; and the page of
// viewfinder.Read to a real browser, whose camera sees such a photograph. There is
// nothing else in it than tests:
//
//	make camera
//
// They need Debian's zbar-tools, imagemagick, librsvg2-bin, poppler-utils and
// chromium, Node 20 or later, and the npm package that package-lock.json pins, so
// that plain "go test" passes them over; see the flags in scene_test.go.
package camera
