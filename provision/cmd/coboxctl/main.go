// Command coboxctl is for the operator of boxes: the operator's key, and grants
// for partners.
package main

import "cobox/seeder/cli"

func main() { program().Main() }

func program() *cli.Program {
	return &cli.Program{
		Name:  "coboxctl",
		About: "coboxctl looks after CoBox boxes: who may keep how much on them.",
		Commands: []cli.Command{
			initCommand(),
			grantCommand(),
			statusCommand(),
		},
		After: `
First steps: "coboxctl init" makes your operator key. Start the box with it
(seederd -operator operator:...), then give a partner room: "coboxctl grant".
Your key is in $COBOXCTL_HOME, or else in the folder coboxctl of your
configuration folder: keep a copy of it.`,
	}
}
