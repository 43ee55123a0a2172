package boot

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
)

// maxCmdline bounds the command line on the card, in bytes.
const maxCmdline = 4 << 10

// leftover is what gokrazy leaves in the command line once it has started a system
// on trial.
var leftover = regexp.MustCompile(` *gokrazy\.switch_on_boot=1`)

// tidy returns a command line file without leftovers, as long as it was. Its form is
// a line and then spaces. One that is armed is left as it is.
func tidy(text []byte) ([]byte, error) {
	if len(text) > maxCmdline {
		return nil, fmt.Errorf("it has more than %d bytes", maxCmdline)
	}
	line, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not one line with spaces after it")
	}
	if bytes.Contains(line, []byte("gokrazy.try_boot_inactive=1")) {
		return text, nil
	}
	line = append(bytes.TrimRight(leftover.ReplaceAll(line, nil), " "), '\n')
	return append(line, bytes.Repeat([]byte(" "), len(text)-len(line))...), nil
}
