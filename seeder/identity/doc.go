// Package identity tells who is who, and holds what they sign.
//
// There are four kinds of keys, all ed25519, all with a Go type and a text form
// of their own, so that neither the compiler nor a person takes one for the
// other: [BoxKey], [OperatorKey], [PartnerKey] and [DeviceKey]. Boxes and
// devices are also libp2p peers, with a [PeerID].
//
// A [Statement] is the one form of everything that is signed: a [Grant] by an
// operator, a [DeviceCert] by a partner, a [Receipt] by a box. STATEMENTS.md
// beside this file is the specification of texts and bytes.
//
// The package is rules only: bytes in, bytes or an error out. It knows no disk,
// no network and no clock; where the time matters, the caller passes it in. All
// its functions may be called from several goroutines.
package identity
