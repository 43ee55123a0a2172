// Package release is the form of a release, one file that makes a box a newer box:
// a manifest, signed by release keys, and the root file system that it describes.
// RELEASE.md beside this file is the specification. It is rules: what is done with a
// release is for others (package update on a box, image where it is made).
package release
