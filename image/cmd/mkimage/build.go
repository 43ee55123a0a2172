package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"cobox/image/build"
	"cobox/seeder/cli"
)

func buildCommand() cli.Command {
	var (
		board, out, src, name, keys string
		version                     uint64
	)
	return cli.Command{
		Name: "build", Args: "-board BOARD [-o FILE]", Short: "make the image that is flashed onto cards",
		Help: boardsHelp() + `
Needs Go, and the network for what Go has not fetched before. The image is the same,
bit for bit, wherever it is made from the same commit with the same Go; its SHA-256
is printed.

	mkimage build -board rpi -o cobox-rpi.img`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&board, "board", "", "the `board` that the image is for")
			fs.StringVar(&out, "o", "", "write the image into this `file` (default: dist/cobox-BOARD.img in the repository)")
			fs.StringVar(&src, "source", "", "the `folder` of the repository (default: the one this is called in)")
			fs.Uint64Var(&version, "version", 0, "the release's `number`, which rises from one to the next (default: the time of the last commit in seconds)")
			fs.StringVar(&name, "name", "", "what people call the release (default: git describe)")
			fs.StringVar(&keys, "keys", "", "a `file` with the public release keys by which the box knows updates (default: none, and the box takes no updates)")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 || board == "" {
				return cli.Misuse("build needs -board")
			}
			b, err := build.FindBoard(board)
			if err != nil {
				return cli.Misuse("%v", err)
			}
			if src == "" {
				if src, err = repository(ctx); err != nil {
					return err
				}
			}
			p := build.Plan{Source: src, Board: b, File: out, Version: version, Name: name, Step: func(what string) { c.Note("%s", what) }}
			if out == "" {
				p.File = filepath.Join(src, "dist", "cobox-"+b.Name+".img")
			}
			if keys != "" {
				if p.Keys, err = os.ReadFile(keys); err != nil {
					return fmt.Errorf("reading the release keys: %w", err)
				}
			} else {
				c.Note("no release keys (-keys): boxes with this image take no updates")
			}
			made, err := build.Image(ctx, p)
			if err != nil {
				return err
			}
			return c.Print(made, func(w io.Writer) {
				fmt.Fprintf(w, "%s  %s\n", made.Sum, made.File)
				fmt.Fprintf(w, "board %s, version %d (%s), root %s of %s\n", made.Board, made.Version, made.Name,
					cli.FormatBytes(uint64(made.RootSize)), cli.FormatBytes(build.SlotSize))
			})
		},
	}
}

func boardsHelp() string {
	var b strings.Builder
	b.WriteString("\nBoards:\n\n")
	for _, x := range build.Boards {
		fmt.Fprintf(&b, "	%-7s%s\n", x.Name, x.About)
	}
	return b.String()
}

// repository returns the folder of the repository that the program is called in.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(mod) != "go.mod" {
		return "", cli.WithHint(fmt.Errorf("this is not called in CoBox's repository (go env GOMOD: %q)", mod), "call it there, or name the folder with -source")
	}
	return filepath.Dir(mod), nil
}
