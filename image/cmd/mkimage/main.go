// Command mkimage prepares boxes: it builds the image for their cards, writes it,
// gives them their pairing codes, draws their labels, and makes the releases that
// update them.
package main

import "cobox/seeder/cli"

func main() {
	p := &cli.Program{
		Name:  "mkimage",
		About: "mkimage prepares boxes: their cards, pairing codes and labels, and releases to update them.",
		Commands: []cli.Command{
			buildCommand(), flashCommand(), personaliseCommand(), labelCommand(), resetCardCommand(), releaseCommand(), releaseKeysCommand(),
		},
	}
	p.Main()
}
