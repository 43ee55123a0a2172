package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/durable"
	"cobox/seeder/evidence"
	"cobox/seeder/feed"
)

const evidenceDir = "evidence"

func evidenceCommand() cli.Command {
	var out string
	return cli.Command{
		Name: "evidence", Args: "verify FILE | fetch [-o FILE] FEED BOX", Short: "check the evidence that somebody broke his word",
		Help: `
Evidence is a file that anybody can check without asking anybody: "cobox audit"
keeps it when a box has not what it signed that it has, and cobox and boxes keep it
when two histories of one feed are signed by its writer. verify checks one, and says
who signed what, and what that does not show:

	cobox evidence verify 2026-11-26T120000Z-12D3KooW….evidence

A box that has frozen a feed gives what it has against the feed's writer; FEED is
its key, as "cobox pins" shows it:

	cobox evidence fetch -o fork.evidence 8f3a... 12D3KooW...

Exit status 4 says that the evidence shows nothing, or was changed.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&out, "o", "", "fetch: the `file` to write; one in the evidence folder of cobox by default")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			switch {
			case len(c.Args) == 2 && c.Args[0] == "verify" && out == "":
				return verifyEvidence(c, c.Args[1])
			case len(c.Args) == 3 && c.Args[0] == "fetch":
				c.Args = c.Args[1:]
				return fetchEvidence(ctx, c, out)
			}
			return cli.Misuse("evidence verify FILE, or evidence fetch FEED BOX")
		},
	}
}

// verifyEvidence checks a file, and says what it shows.
func verifyEvidence(c *cli.Call, path string) error {
	text, err := readBounded(path, evidence.Max)
	if err != nil {
		return fmt.Errorf("reading the evidence: %w", err)
	}
	f, err := evidence.Parse(text)
	var shown *evidence.Shown
	if err == nil {
		shown, err = f.Verify()
	}
	if err != nil {
		return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("checking %s: %w", path, err)}
	}
	return c.Print(shown, shown.Text)
}

// A fetchedEvidence is what "cobox evidence fetch -json" prints.
type fetchedEvidence struct {
	File string `json:"file"`
	*evidence.Shown
}

// fetchEvidence asks a box, checks what it has, and keeps it.
func fetchEvidence(ctx context.Context, c *cli.Call, out string) error {
	key, err := feed.ParseKey(c.Args[0])
	if err != nil {
		return cli.Misuse("%v", err)
	}
	c.Args = c.Args[1:]
	return with(ctx, c, func(b *client.Box) error {
		text, err := b.Evidence(ctx, key)
		if err != nil {
			return err
		}
		f, err := evidence.Parse(text)
		var shown *evidence.Shown
		if err == nil {
			shown, err = f.Verify()
		}
		if err == nil && (f.Fork == nil || f.Fork.Key != key) {
			err = errors.New("it is about something else")
		}
		if err != nil {
			return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("checking the evidence of box %s: %w", b.ID(), err)}
		}
		file := out
		if file == "" {
			h, err := openHome()
			if err != nil {
				return err
			}
			if file, err = h.keepFork(f.Fork); err != nil {
				return err
			}
		} else if text, err := f.Marshal(); err != nil {
			return err
		} else if err := durable.WriteFile(file, text, 0o600); err != nil {
			return fmt.Errorf("keeping the evidence: %w", err)
		}
		return c.Print(fetchedEvidence{file, shown}, func(w io.Writer) {
			fmt.Fprintf(w, "%s:\n", file)
			shown.Text(w)
		})
	})
}

// keepFork keeps the evidence of a fork, and returns the file. The same is not
// kept twice.
func (h *home) keepFork(e *feed.ForkError) (string, error) {
	return h.keepEvidence(&evidence.File{Fork: e}, fmt.Sprintf("fork-%.16s-%d-%d-%.8s", e.Key.DiscoveryKey(), e.Have.Length, e.Got.Length, e.Got.Hash))
}

// keepEvidence writes a file of the name, and returns its path.
func (h *home) keepEvidence(f *evidence.File, name string) (string, error) {
	text, err := f.Marshal()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(h.dir, evidenceDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".evidence")
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("keeping the evidence: %w", err)
	}
	return path, nil
}

// readBounded reads a file of at most most bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %s", path, cli.FormatBytes(uint64(most)))
	}
	return text, err
}
