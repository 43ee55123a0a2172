// Command reach says which Unix sockets it can connect to. With confine's word it takes
// its rights away first, as a box's seederd does.
package main

import (
	"fmt"
	"net"
	"os"

	"cobox/appliance/confine"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == confine.Word {
		warn := func(err error) { fmt.Fprintln(os.Stderr, err) } // of a kernel without Landlock; the user is what counts here
		fmt.Println(confine.Exec(os.Args[2:], os.Environ(), warn))
		os.Exit(1)
	}
	fmt.Println("as", os.Geteuid())
	for _, socket := range os.Args[1:] {
		c, err := net.Dial("unix", socket)
		if err == nil {
			err = c.Close()
		}
		fmt.Println(socket, err == nil)
	}
}
