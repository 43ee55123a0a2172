// Package confine starts a program with as little as it needs: another user, no
// capabilities, no way to gain any, limits, and of the file system only what is
// listed (Landlock).
//
// It is for seederd, which parses what strangers send. What the parser of a
// feed could be made to do then ends at the box's own files: it cannot read the
// enrolment, reach the socket through which a box is updated, or start a program.
//
// gokrazy's supervision starts programs as root. So its program is this one
// again, with [Policy.Args]; it takes the rights away from itself and becomes the
// other program, in the same process, so that signals and restarts go on as they were.
package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// A Policy says what a program may do.
type Policy struct {
	// User and Group are the numbers that the program runs as, if this process is
	// root's; otherwise it stays who it is. 0 leaves them.
	User, Group int `json:",omitempty"`
	// Write are folders in which the program may do anything, files that it may write.
	Write []string `json:",omitempty"`
	// Read are folders and files that it may read. The program itself is added. What
	// is not there is left out.
	Read []string `json:",omitempty"`
	// Sockets are folders in which it may connect to Unix sockets.
	Sockets []string `json:",omitempty"`
	// Files is how many files and connections it may have open; 0 leaves the limit.
	Files uint64 `json:",omitempty"`
	// Processes is how many processes and threads its user may have; 0 leaves the limit.
	Processes uint64 `json:",omitempty"`
	// Sacrifice makes the kernel end this program rather than others when memory
	// runs out, from 0 (as others) to 1000.
	Sacrifice int `json:",omitempty"`
}

// Word is what a box's program is told by, as its first argument, that it is to call
// [Exec] on those after it.
const Word = "confined"

// Args returns the arguments with which a program that calls [Exec] on them
// becomes program with args under the policy. word is what the program tells from its
// other arguments that it is meant to do this.
func (p Policy) Args(self, word, program string, args ...string) []string {
	text, err := json.Marshal(p)
	if err != nil {
		panic("confine: " + err.Error()) // numbers and strings: it cannot
	}
	return append([]string{self, word, string(text), program}, args...)
}

// ErrWeaker says that the machine cannot take away all that the policy takes away.
var ErrWeaker = errors.New("this machine cannot confine programs as well as it should")

// Exec reads what [Policy.Args] made, without the first two, takes the rights away and
// becomes the program with the environment env. It returns only with an error.
// What the kernel cannot do is told to warn, and left out: a box that runs less
// confined is better than one that does not run. Being root where another user was asked for is
// an error.
func Exec(args []string, env []string, warn func(error)) error {
	if len(args) < 2 {
		return errors.New("confining a program: arguments are missing")
	}
	var p Policy
	if err := json.Unmarshal([]byte(args[0]), &p); err != nil {
		return fmt.Errorf("confining a program: %w", err)
	}
	program := args[1]
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("confining a program: %w", err)
	}
	return become(p, program, args[1:], env, warn)
}
