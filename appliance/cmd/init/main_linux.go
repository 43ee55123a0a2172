// Command init is the first program of a box, which the kernel starts. It brings
// the machine up and runs the box's programs; see packages boot and supervise.
package main

import (
	"context"
	"fmt"
	"os"

	"cobox/appliance/boot"
	"cobox/appliance/gokrazy"
	"cobox/appliance/supervise"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: error: this is a box's first program: the kernel starts it")
		os.Exit(2)
	}
	console := os.Stderr // the kernel has opened /dev/console
	s := boot.Begin(console)
	if err := supervise.Begin("cobox"); err != nil {
		fail(err)
	}
	programs := s.Prepare()
	if err := supervise.Start(programs); err != nil {
		fail(err)
	}
	if s.Logs() {
		for _, p := range programs {
			go gokrazy.CopyLog(context.Background(), gokrazy.NewClient(gokrazy.Socket), p.Path, console)
		}
	}
	go tryUpdate(context.Background(), console)
	s.Watch(programs)
}

// fail ends the machine: without its first program the kernel starts it again.
func fail(err error) {
	fmt.Fprintf(os.Stderr, "cobox: the box cannot start: %v\n", err)
	os.Exit(1)
}
