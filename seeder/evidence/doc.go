// Package evidence is the file in which one party shows another that a third one
// broke its word: a feed's writer who signed two histories, or a box that has not
// what it gave a receipt for. [Parse] and [File.Verify] need nothing but the file.
// EVIDENCE.md beside this file is the specification, and says what each kind does
// not show.
//
// The package is rules, bytes in, bytes or error out. Who finds such things keeps
// them: cobox on a partner's computer, and a box about feeds that it has frozen.
package evidence
