//go:build !linux

// Command init is the first program of a box, which runs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "init: error: boxes run Linux")
	os.Exit(2)
}
