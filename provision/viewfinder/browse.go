package viewfinder

import (
	"fmt"
	"os/exec"
	"runtime"
)

// Browse shows url in the person's browser, by the way of the operating system. It
// may return at once or when the browser ends. When there is none, as over SSH, it
// returns an error: a caller shows the address too, before.
func Browse(url string) error {
	name, args := opener(runtime.GOOS)
	if err := exec.Command(name, append(args, url)...).Run(); err != nil {
		return fmt.Errorf("starting a browser with %s: %w", name, err)
	}
	return nil
}

// opener returns the program of an operating system that opens addresses, and
// what stands before the address.
func opener(system string) (name string, args []string) {
	switch system {
	case "darwin":
		return "open", nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}
	}
	return "xdg-open", nil // of the freedesktop.org systems
}
