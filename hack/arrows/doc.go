// Package arrows holds the floor plan of the repository, arrows.txt, and the
// test that keeps it true. It ships nothing.
package arrows
