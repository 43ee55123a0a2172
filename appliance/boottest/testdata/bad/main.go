// Command bad stands in a system for one of its programs and does not do what that
// is for: with it tests make releases that do not work.
package main

import (
	"fmt"
	"os"
	"time"
)

// how is set when it is built.
var how string

func main() {
	fmt.Fprintf(os.Stderr, "cobox: a program that is there to %s\n", how)
	if how == "hang" {
		for {
			time.Sleep(time.Hour)
		}
	}
	os.Exit(1)
}
