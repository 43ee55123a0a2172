// Package build makes the images that are flashed onto a box's card, from this
// repository and the modules in image/boards.mod, in pure Go and bit for bit the
// same wherever it is done. IMAGE.md beside this file says what is where on a card.
//
// It runs the go command to build the box's programs, and reads and writes files.
package build
