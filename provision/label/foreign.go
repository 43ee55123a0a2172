package label

import (
	"fmt"
	"strings"
	"unicode"
)

// foreign tells texts that are no CoBox code by how they begin, in lower case.
var foreign = []struct{ prefix, is string }{
	{"http:", "a web address, not a CoBox code"},
	{"https:", "a web address, not a CoBox code"},
	{"www.", "a web address, not a CoBox code"},
	{"wifi:", "the QR of a Wi-Fi network, not a CoBox code"},
	{"otpauth:", "the QR of a second factor, not a CoBox code"},
	{"otpauth-migration:", "the QR of a second factor, not a CoBox code"},
	{"begin:vcard", "a visiting card, not a CoBox code"},
	{"mecard:", "a visiting card, not a CoBox code"},
	{"mailto:", "a mail address, not a CoBox code"},
	{"tel:", "a telephone number, not a CoBox code"},
	{"mt:", "the QR of a Matter device, not a CoBox code"},
	{"12d3koow", "a box ID, not a code: the code is on the label"},
	{"box:", "a box ID, not a code: the code is on the label"},
	{"operator:", "an operator's public key, not a code"},
	{"partner:", "a partner's public key, not a code"},
	{"device:", "a device's public key, not a code"},
	{hostPrefix, "the name of a box, not its code: the code is the five groups of four beside it"},
	{strings.ToLower(labelPrefix) + ":", "the text of a whole label, not its code alone"},
	{strings.ToLower(invitePrefix) + ":", "a whole invite, not a code alone"},
	{strings.ToLower(flashedPrefix) + ":", "what names a flashed card, and no code: its box has an owner"},
}

// betterError returns an error that says what text is when that can be told, and
// err when not. It repeats nothing of text, which may be somebody's secret.
func betterError(what, text string, err error) error {
	if len(text) > maxText {
		return err
	}
	text = strings.ToLower(strings.TrimFunc(text, isFiller))
	for _, f := range foreign {
		if strings.HasPrefix(text, f.prefix) {
			return fmt.Errorf("reading %s: this is %s", what, f.is)
		}
	}
	switch {
	case isLaterVersion(text):
		return fmt.Errorf("reading %s: this is a CoBox code of a kind that this program does not know: update it", what)
	case isPhrase(text):
		return fmt.Errorf("reading %s: these are words, perhaps a recovery phrase: keep it to yourself, the code is on the label or in the invite", what)
	}
	return err
}

// isLaterVersion reports whether text, in lower case, begins like the QR texts
// of a version or a kind to come.
func isLaterVersion(text string) bool {
	prefix, _, ok := strings.Cut(text, ":")
	rest, cobox := strings.CutPrefix(prefix, "cobox")
	return ok && cobox && rest != "" && '0' <= rest[0] && rest[0] <= '9'
}

// isPhrase reports whether text is a dozen words. The groups of a code are fewer.
func isPhrase(text string) bool {
	words := strings.Fields(text)
	for _, w := range words {
		if len(w) < 3 || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }) {
			return false
		}
	}
	return len(words) >= 12
}
