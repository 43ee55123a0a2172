package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What lies beside the package is what this program writes.
func TestUpToDate(t *testing.T) {
	for name, want := range files() {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what gen writes: run go generate ./seeder/salsa", name)
		}
	}
}
