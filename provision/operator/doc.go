// Package operator is the operator's side of a box: the operator key and what is
// remembered of each box, on this computer; the connection to one, on the local
// network or from anywhere; the use of codes; and orders, signed here, that a box
// takes in.
//
// A box is not believed just because it answers. Its head of the chain is
// remembered, and each later answer has to go on from it: a box whose card was
// put back to an older state, so that somebody who was removed is there again, is
// told apart ([RolledBackError]).
package operator
