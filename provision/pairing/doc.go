// Package pairing is the exchange by which the holder of a code becomes what the
// code stands for: the label's code makes the first owner, an invite's a partner
// or another operator. PAIRING.md beside this file is the specification.
//
// It runs on a stream whose two ends are authenticated by their peer IDs, and
// binds everything to both: so a false box, somebody in between or a recording of
// an earlier exchange is of no use. The code itself never leaves the computer at
// which it is typed. A card that names its owner needs no exchange: the box shows
// which card it was started from ([SignCard], [VerifyCard]). Who uses which code up, and what follows, is for the
// [Authority]; package provision is one.
package pairing
