// Package page looks at a box's status page with a real browser: at the width of a
// phone and of a desk, in light and dark, in English and German, and at all that a
// box may have to say; it keeps a photograph of each in dist/page, and has axe check
// that the page is accessible. There is nothing else in it than tests:
//
//	make e2e-page
//
// They need Debian's chromium, Node 20 or later, and the npm packages that
// package-lock.json pins, so that plain "go test" passes them over.
package page
