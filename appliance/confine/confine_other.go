//go:build !linux

package confine

import "fmt"

// become only starts the program: boxes run Linux.
func become(_ Policy, program string, _, _ []string, _ func(error)) error {
	return fmt.Errorf("confining %s: %w: it needs Linux", program, ErrWeaker)
}
