package provision

import "time"

// Recover does what Run does each minute for a recovery.
func (a *Agent) Recover() error {
	_, err := a.recover()
	return err
}

// RecoveryWait returns what operators are told.
func (a *Agent) RecoveryWait() time.Duration { return a.recoveryWait(a.State()) }

// Announce returns the notes for the local network.
func (a *Agent) Announce() []string { return a.announce() }

// Summed puts the line with its checksum before a file's text.
func Summed(text []byte) []byte { return summed(text) }

// ParseResetCard reads a reset card's file.
var ParseResetCard = parseResetCard
