package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
)

func logCommand() cli.Command {
	var at where
	var export string
	return cli.Command{
		Name: "log", Args: "[-export FILE] [BOX]", Short: "who ordered what on a box, and when",
		Help: `
Prints all that was ever ordered on a box, and what the box itself noted: who, what
and when. Each line was checked: its signature, and that it follows the one before.

	coboxctl log

With -export the signed statements are written into a file, so that others can
check them.` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&export, "export", "", "write the signed statements into this `file`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				if export != "" {
					return exportLog(ctx, c, l, export)
				}
				entries, err := l.Log(ctx)
				if err != nil {
					return err
				}
				names := namesOf(l, &st.Chain)
				list := make([]listedEntry, 0, len(entries))
				for _, e := range entries {
					list = append(list, listedEntry{e.Seq, e.Epoch, e.Issued, e.SignerText(), names[e.SignerText()], chain.Kind(e.Action), chain.Sentence(e.Action), e.Hash})
				}
				return c.Print(list, func(w io.Writer) {
					for _, e := range list {
						who := e.Name
						if who == "" {
							who = e.Signer
						}
						fmt.Fprintf(w, "%4d  %s  %s %s\n", e.Seq, e.Issued.Local().Format("2006-01-02 15:04:05"), who, e.What)
					}
				})
			})
		},
	}
}

// A listedEntry is an entry of the chain as it is listed.
type listedEntry struct {
	Seq    uint64     `json:"seq"`
	Epoch  uint64     `json:"epoch"`
	Issued time.Time  `json:"issued"` // by the signer's clock
	Signer string     `json:"signer"`
	Name   string     `json:"name,omitempty"`
	Kind   string     `json:"kind"`
	What   string     `json:"what"`
	Hash   chain.Hash `json:"hash"`
}

// namesOf returns what the signers of orders are called, by their keys.
func namesOf(l *operator.Link, st *chain.State) map[string]string {
	names := map[string]string{st.Box.String(): "the box"}
	for _, m := range st.Members {
		names[m.Key.String()] = l.Name(m.SealedName)
	}
	return names
}

func exportLog(ctx context.Context, c *cli.Call, l *operator.Link, path string) error {
	var text bytes.Buffer
	if err := l.Export(ctx, &text); err != nil {
		return err
	}
	if err := durable.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	result := struct {
		File  string `json:"file"`
		Bytes int    `json:"bytes"`
	}{path, text.Len()}
	return c.Print(result, func(w io.Writer) { fmt.Fprintf(w, "%s: %d bytes\n", path, text.Len()) })
}
