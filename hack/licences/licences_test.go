package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Everything that we give away may be given away.
func TestLicences(t *testing.T) {
	list, err := modules("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := check(list); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"github.com/libp2p/go-libp2p", "github.com/gokrazy/kernel.rpi"} { // of programs, and of images
		if !slices.ContainsFunc(list, func(m module) bool { return m.path == path && len(m.licences) > 0 }) {
			t.Errorf("%s is not in the list of %d modules", path, len(list))
		}
	}
}

// A module without a licence is named.
func TestNoLicence(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("All rights reserved. Ask us before you do anything."), 0o600); err != nil {
		t.Fatal(err)
	}
	ids, err := licencesIn(dir)
	if err != nil || len(ids) > 0 {
		t.Fatalf("a text that is no licence is taken for %v, %v", ids, err)
	}
	if err := check([]module{{path: "example.org/mine", version: "v1"}}); err == nil || !strings.Contains(err.Error(), "example.org/mine") {
		t.Errorf("a module without a licence: %v", err)
	}
}
