// Package audit is how somebody who cannot read a feed, and does not keep it,
// finds out whether a box still has it: a [Challenge] names blocks at random, the
// box answers with the blocks and their proofs up to the signed head, or with
// digests that only who has the blocks can make, and signs the answer. AUDIT.md
// beside this file is the specification, with the arithmetic of how many draws
// find what loss, and what an audit cannot show.
//
// The package is rules: it draws, answers from what it is given, checks answers,
// and judges what a row of audits says of a box ([Judge]). Sending is for
// seeder/client, who may ask for package seeder.
package audit
