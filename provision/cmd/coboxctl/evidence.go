package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/evidence"
)

func evidenceCommand() cli.Command {
	var at where
	var out string
	return cli.Command{
		Name: "evidence", Args: "verify FILE | fetch -o FILE [BOX] FEED", Short: "what shows that a feed's writer forked it",
		Help: `
When two histories of a feed are signed by its writer, a box freezes the feed and keeps
both as evidence. fetch gets it as a file, checked; FEED is the feed's discovery key as
"coboxctl pins" shows it, or its beginning. verify checks such a file, or one that a
partner has sent about an audit, without asking anybody, and says what it shows:

	coboxctl evidence fetch -o fork.evidence attic 5fa9
	coboxctl evidence verify fork.evidence

Exit status 4 says that the evidence shows nothing, or was changed.` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&out, "o", "", "fetch: the `file` to write")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			switch {
			case len(c.Args) == 2 && c.Args[0] == "verify":
				return verifyEvidence(c, c.Args[1])
			case len(c.Args) > 1 && c.Args[0] == "fetch" && out != "":
				c.Args = c.Args[1:]
				box, prefix, err := boxAnd(c, "FEED")
				if err != nil {
					return err
				}
				return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
					return fetchEvidence(ctx, c, l, prefix, out)
				})
			}
			return cli.Misuse("evidence verify FILE, or evidence fetch -o FILE [BOX] FEED")
		},
	}
}

func verifyEvidence(c *cli.Call, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the evidence: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, evidence.Max+1))
	if err != nil {
		return fmt.Errorf("reading the evidence: %w", err)
	}
	_, shown, err := checkEvidence(text)
	if err != nil {
		return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("checking %s: %w", path, err)}
	}
	return c.Print(shown, shown.Text)
}

func checkEvidence(text []byte) (*evidence.File, *evidence.Shown, error) {
	f, err := evidence.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	shown, err := f.Verify()
	return f, shown, err
}

func fetchEvidence(ctx context.Context, c *cli.Call, l *operator.Link, prefix, out string) error {
	st, err := l.Status(ctx)
	if err != nil {
		return err
	}
	key, err := feedOf(st.Pins, prefix)
	if err != nil {
		return err
	}
	text, err := l.Evidence(ctx, key)
	if err != nil {
		return err
	}
	f, shown, err := checkEvidence(text)
	if err == nil && (f.Fork == nil || f.Fork.Key != key) {
		err = errors.New("it is about something else")
	}
	if err != nil {
		return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("checking what the box gave: %w", err)}
	}
	if text, err = f.Marshal(); err != nil {
		return err
	}
	if err := durable.WriteFile(out, text, 0o600); err != nil {
		return fmt.Errorf("keeping the evidence: %w", err)
	}
	return c.Print(shown, shown.Text)
}
