package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"cobox/seeder/cli"
	"cobox/seeder/identity"
	"cobox/seeder/space"
)

func initCommand() cli.Command {
	var yes bool
	return cli.Command{
		Name: "init", Args: "[-yes]", Short: "make your keys, and show the recovery phrase",
		Help: `
Makes the keys of a partner on this computer and shows the recovery phrase, 24
words, this one time. Whoever has the phrase can read all your backups, and
without it nobody can, once your computers are lost: write it on paper, and keep
it where a fire in your office does not reach.

	cobox init`,
		Flags: func(fs *flag.FlagSet) {
			fs.BoolVar(&yes, "yes", false, "do not ask for three of the words")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("init takes no arguments")
			}
			h, err := newHome(space.NewSecret())
			if err != nil {
				return err
			}
			result := struct {
				Phrase  string              `json:"phrase"`
				Partner identity.PartnerKey `json:"partner"`
			}{h.secret.Phrase(), h.partner()}
			if err := c.Print(result, func(w io.Writer) { printPhrase(w, result.Phrase) }); err != nil {
				return err
			}
			if !yes {
				if err := askWords(c, strings.Fields(result.Phrase)); err != nil {
					return err
				}
			}
			if err := h.save(); err != nil {
				return err
			}
			c.Note("\nYour public key, for the operators of boxes:\n\n\t%s\n\nNext: cobox space create NAME FOLDER", result.Partner)
			return nil
		},
	}
}

// printPhrase shows the phrase in four columns.
func printPhrase(w io.Writer, phrase string) {
	fmt.Fprint(w, "Your recovery phrase. Write it on paper now; it is not shown again.\n\n")
	for i, word := range strings.Fields(phrase) {
		end := ""
		if i%4 == 3 {
			end = "\n"
		}
		fmt.Fprintf(w, "  %2d %-10s%s", i+1, word, end)
	}
	fmt.Fprintln(w)
}

// askWords asks for three words, so that nobody goes on without the paper.
func askWords(c *cli.Call, words []string) error {
	lines := bufio.NewScanner(c.In)
	var asked []int64
	for len(asked) < 3 {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(words))))
		if err != nil {
			return err
		}
		if slices.Contains(asked, n.Int64()) {
			continue
		}
		asked = append(asked, n.Int64())
	}
	slices.Sort(asked)
	for _, n := range asked {
		for try := 1; ; try++ {
			fmt.Fprintf(c.Err, "word %d of the phrase: ", n+1)
			if !lines.Scan() {
				return errors.New("the phrase was not confirmed: no keys were made")
			}
			if strings.EqualFold(strings.TrimSpace(lines.Text()), words[n]) {
				break
			}
			if try == 3 {
				return errors.New("the phrase was not confirmed: no keys were made")
			}
			fmt.Fprintln(c.Err, "that is not the word: look at your paper")
		}
	}
	return nil
}

func whoamiCommand() cli.Command {
	return cli.Command{
		Name: "whoami", Short: "show your public key",
		Help: `
Prints the partner's public key, which the operator of a box needs for a grant:

	coboxctl grant -partner "$(cobox whoami)" -quota 200GB ...`,
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("whoami takes no arguments")
			}
			h, err := openHome()
			if err != nil {
				return err
			}
			result := struct {
				Partner identity.PartnerKey `json:"partner"`
				Device  identity.DeviceKey  `json:"device"`
			}{h.partner(), identity.DeviceKeyOf(h.device)}
			return c.Print(result, func(w io.Writer) { fmt.Fprintln(w, result.Partner) })
		},
	}
}
