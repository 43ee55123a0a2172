// Package provision is the authority of a box: from factory state to owned by
// somebody, shared with partners, given away or retired. An [Agent] keeps the
// chain of signed statements (package chain) and is the only one who writes to it;
// it decides who may use a code (package pairing carries the exchange), takes in
// operators' orders, and tells seederd who may do what.
//
// It trusts seederd with nothing but carrying bytes: whatever changes something is
// signed by an operator, or by the holder of a code over both peer IDs. What
// seederd says of the caller decides only what may be read.
package provision
