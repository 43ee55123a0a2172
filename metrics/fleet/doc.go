// Package fleet watches all of an operator's boxes from his computer: it keeps a
// connection to each, knows how each is, and stands between them and Prometheus,
// which cannot reach a box behind somebody's router.
//
// A [Fleet] has a keeper for each box, which connects, asks how the box is, and
// connects again. It reaches boxes through what it is given ([Config]); who the
// operator is, and how a box is found, is not its business. A [Gateway] shows a
// fleet to Prometheus, and [WriteTable] to a person.
//
// What boxes say is shown to people, so that it is cleaned of control characters and
// cut to a length: a box is another organisation's machine.
package fleet
