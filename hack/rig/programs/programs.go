// Package programs builds this repository's programs for tests that run them as they
// are, and keeps what they say.
package programs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// All are the programs of boxes and of their people, as go build names them.
var All = []string{
	Seederd, "cobox/appliance/cmd/provisiond", "cobox/seeder/cmd/cobox",
	"cobox/provision/cmd/coboxctl", "cobox/image/cmd/mkimage",
}

// Build builds all programs into a folder of their own, which the caller removes; there
// is one also with an error, unless it is "".
func Build() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "cobox-programs-"); err != nil {
		return "", err
	}
	return dir, Into(dir, All...)
}

// Seederd is the one program that many tests run alone.
const Seederd = "cobox/appliance/cmd/seederd"

// Into builds some programs into a folder that is there.
func Into(dir string, names ...string) error {
	build := exec.Command("go", append([]string{"build", "-o", dir + string(filepath.Separator)}, names...)...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}

// An Output is what a program says, for several goroutines. The zero value is empty.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer // mu
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns all that was said.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// tailBytes is how much of a log a person reads.
const tailBytes = 4000

// Tail returns the end of what was said.
func (o *Output) Tail() string {
	text := o.String()
	return text[max(0, len(text)-tailBytes):]
}
