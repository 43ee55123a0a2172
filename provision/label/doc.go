// Package label is about what is printed for a box or sent to a partner: the
// pairing code, the tag, their QR, and the claim key that a code stands for.
//
// A [Code] is 90 random bits, written as 20 symbols that a person can type. It
// is derived, on the laptop and slowly, into a [Claim]: an ed25519 key pair of
// which the box knows only the public half, the [ClaimKey]. So a copy of a box's
// card is no help to somebody who wants to own the box. A card that names its
// owner has a [ClaimSeed] instead, and needs no code. LABEL.md beside this
// file is the specification, with vectors.
//
// Whoever holds a code, a [Claim] or its seed, the text of a [Label] or of an [Invite], or a
// [Picture] of one, holds the box or the invite. Codes, claims and pictures
// therefore do not print themselves: fmt (with every verb), log/slog and the
// encoders of encoding/... show a word in their place or fail; but a ClaimSeed
// is written to the card. What is to be
// read by people is asked for by name, with a method Text.
//
// The package is rules only: bytes in, bytes or an error out. It knows no disk,
// no network, no clock and no log. No error repeats a code or a part of it. All
// functions may be called from several goroutines.
package label
