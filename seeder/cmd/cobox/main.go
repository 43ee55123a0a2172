// Command cobox is for partners: it turns folders into encrypted feeds, has
// boxes keep them, and gets the folders back.
package main

import (
	"runtime/debug"

	"cobox/seeder/cli"
)

func main() { program().Main() }

func program() *cli.Program {
	return &cli.Program{
		Name:  "cobox",
		About: "cobox keeps backups of your folders on other organisations' boxes, which cannot read them.",
		Commands: []cli.Command{
			initCommand(),
			whoamiCommand(),
			acceptCommand(),
			spaceCommand(),
			pinCommand(),
			unpinCommand(),
			moveCommand(),
			pinsCommand(),
			backupCommand(),
			watchCommand(),
			snapshotsCommand(),
			restoreCommand(),
			checkCommand(),
			statusCommand(),
			auditCommand(),
			evidenceCommand(),
			drillCommand(),
			recoverCommand(),
			deviceCommand(),
		},
		After: `
First steps: "cobox init" makes your keys and shows the recovery phrase, once.
Give the operator of a box the public key that "cobox whoami" prints, and he
gives you room. Then:

	cobox space create documents ~/Documents
	cobox pin documents 12D3KooW...
	cobox backup documents

Keys and caches are in $COBOX_HOME, or else in the folder cobox of your
configuration folder. With the recovery phrase alone, "cobox recover" gets
everything back on a new computer.`,
	}
}

// tool is the program and its version, as snapshots name it.
func tool() string {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return "cobox " + version
}
