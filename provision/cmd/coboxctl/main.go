// Command coboxctl is for the operator of boxes: to own them, to invite partners
// and other operators, and to see how boxes stand.
package main

import "cobox/seeder/cli"

func main() { program().Main() }

func program() *cli.Program {
	return &cli.Program{
		Name:  "coboxctl",
		About: "coboxctl looks after CoBox boxes: whose they are, and who may keep how much on them.",
		Commands: []cli.Command{
			pairCommand(),
			boxesCommand(),
			statusCommand(),
			fleetCommand(),
			watchCommand(),
			inviteCommand(),
			invitesCommand(),
			partnersCommand(),
			revokeCommand(),
			pinsCommand(),
			unpinCommand(),
			auditCommand(),
			evidenceCommand(),
			operatorsCommand(),
			logCommand(),
			renameCommand(),
			boardCommand(),
			setCommand(),
			prometheusCommand(),
			transferCommand(),
			retireCommand(),
			recoveryCommand(),
			recoverCommand(),
			updateCommand(),
			diskCommand(),
			relayCommand(),
			initCommand(),
			grantCommand(),
		},
		After: `
First steps: plug in a box, and type the code on its label: "coboxctl pair". (A box
that you flash for yourself has none: "coboxctl init", "mkimage personalise -owner".) Then
give a partner room: "coboxctl invite -partner NAME -quota 200GB". Your key is in
$COBOXCTL_HOME, or else in the folder coboxctl of your configuration folder.`,
	}
}
