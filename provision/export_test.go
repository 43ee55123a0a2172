package provision

import (
	"iter"
	"time"

	"cobox/seeder/identity"
)

// Recover does what Run does each minute for a recovery.
func (a *Agent) Recover() error {
	_, err := a.recover()
	return err
}

// RecoveryWait returns what operators are told.
func (a *Agent) RecoveryWait() time.Duration { return a.recoveryWait(a.State()) }

// Announce returns the notes for the local network.
func (a *Agent) Announce() []string { return a.announceLocked() }

// Summed puts the line with its checksum before a file's text.
func Summed(text []byte) []byte { return summed(text) }

// ParseResetCard reads a reset card's file.
var ParseResetCard = parseResetCard

// Entries returns the chain's statements.
func (a *Agent) Entries() iter.Seq2[identity.Statement, error] { return a.chain.Entries(1) }

// NoteSeen notes that an operator is there.
func (a *Agent) NoteSeen() { a.noteSeen() }
