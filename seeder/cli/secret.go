package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxSecretLine bounds a line that is read as a secret, in bytes.
const maxSecretLine = 4096

// Terminal reports whether a person sits at the call's input.
func (c *Call) Terminal() bool {
	f, ok := c.In.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// AskSecret reads one line: at a terminal it asks for it and does not show it,
// otherwise it reads the next line of the input. Secrets are asked for, and are
// never arguments, because those stay in the shell's history and are seen by all
// programs.
func (c *Call) AskSecret(prompt string) (string, error) {
	if f, ok := c.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(c.Err, "%s (it is not shown): ", prompt)
		line, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.Err)
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", prompt, err)
		}
		return strings.TrimSpace(string(line)), nil
	}
	return c.readLine(prompt)
}

// ErrEnded says that there was no line to read any more.
var ErrEnded = errors.New("the input has ended")

// Ask reads one line that is no secret, such as a confirmation.
func (c *Call) Ask(prompt string) (string, error) {
	if c.Terminal() {
		fmt.Fprintf(c.Err, "%s: ", prompt)
	}
	return c.readLine(prompt)
}

// readLine reads the next line of the input, whatever was read before.
func (c *Call) readLine(what string) (string, error) {
	if c.lines == nil {
		c.lines = bufio.NewReaderSize(c.In, maxSecretLine)
	}
	line, err := c.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("reading %s: the line is longer than %d bytes", what, maxSecretLine)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return "", fmt.Errorf("reading %s: %w", what, ErrEnded)
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("reading %s: %w", what, err)
	}
	return strings.TrimSpace(string(line)), nil
}
