package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
)

// A block that the box does not have ends a drill, and does not hang it.
func TestDrillDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := patient{blocks{reader: client.NewReader(replicate.Config{})}, drillPatience}
		began := time.Now()
		_, err := p.Block(t.Context(), feed.Key{1}, 7)
		if err == nil || !strings.Contains(err.Error(), "the box does not give it") || time.Since(began) != drillPatience {
			t.Errorf("Block = %v after %v, want an error after %v", err, time.Since(began), drillPatience)
		}
	})
}
