// Package interop runs unmodified JavaScript Hypercore peers against a real box:
// the proof that a feed here is what the rest of the world calls a Hypercore, by
// peers that nobody here wrote. The JavaScript is in peers, one program per kind
// of peer; the scenarios are this package's tests:
//
//	make interop
//
// They need Node 20 or later and the npm packages that package-lock.json pins,
// so that plain "go test" passes them over; see the flags in scene_test.go. With
// -against js the same scenarios run against a blind store in JavaScript instead
// of a box, which tells on whose side a fault is.
//
// The package itself holds what the scenarios and the benchmark (in bench) share:
// a [Peer] is a JavaScript process, a [Box] a running seederd.
package interop
