package main

import (
	"testing"

	"cobox/hack/asmgen"
)

// What lies beside the package is what this program writes.
func TestUpToDate(t *testing.T) {
	if err := asmgen.UpToDate("..", files()); err != nil {
		t.Error(err)
	}
}
