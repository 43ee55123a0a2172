// Command mkimage prepares boxes: it gives them their pairing code and draws
// their labels.
package main

import "cobox/seeder/cli"

func main() {
	p := &cli.Program{
		Name:     "mkimage",
		About:    "mkimage prepares boxes: their pairing codes and labels.",
		Commands: []cli.Command{buildCommand(), personaliseCommand(), labelCommand(), resetCardCommand()},
	}
	p.Main()
}
