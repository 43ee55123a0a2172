// Package sheet draws boxes' labels for paper: one a page for label printers, or
// many on a sheet of A4, as PDF, PNG or SVG.
//
// A page is one black outline in millimetres, letters included, so that it looks
// the same in all three and everywhere, and no search over files or text that was
// marked in a viewer finds a code. Nothing else of a label is in the files: no
// title, no time, no name. The same labels make the same bytes.
//
// A [Page] is as secret as the codes on it, and does not print itself in fmt.
package sheet
