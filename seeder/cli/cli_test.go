package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/seeder/cli"
)

func program(run func(*cli.Call, string) error) *cli.Program {
	var name string
	return &cli.Program{
		Name: "prog", About: "prog does things.",
		Commands: []cli.Command{{
			Name: "do", Args: "[-name N] THING", Short: "does a thing", Help: "Do a thing.\n\n\tprog do -name x y",
			Flags: func(fs *flag.FlagSet) { fs.StringVar(&name, "name", "none", "the `name`") },
			Run:   func(_ context.Context, c *cli.Call) error { return run(c, name) },
		}},
	}
}

func TestExitCodes(t *testing.T) {
	rows := []struct {
		args []string
		err  error
		code int
		says string
	}{
		{[]string{"do", "x"}, nil, cli.Done, ""},
		{nil, nil, cli.Usage, "usage: prog"},
		{[]string{"nothing"}, nil, cli.Usage, "no command"},
		{[]string{"do", "-wrong"}, nil, cli.Usage, "hint: prog help do"},
		{[]string{"do"}, errors.New("broken"), cli.Failed, "prog: error: broken"},
		{[]string{"do"}, cli.WithHint(errors.New("broken"), "mend it"), cli.Failed, "prog: hint: mend it"},
		{[]string{"do"}, fmt.Errorf("doing: %w", &cli.Error{Code: cli.VerifyFailed, Err: errors.New("bad")}), cli.VerifyFailed, "doing: bad"},
		{[]string{"do"}, cli.Misuse("no %s", "thing"), cli.Usage, "no thing"},
	}
	for _, row := range rows {
		var errOut strings.Builder
		p := program(func(*cli.Call, string) error { return row.err })
		if code := p.Run(t.Context(), row.args, nil, io.Discard, &errOut); code != row.code {
			t.Errorf("prog %q = %d, want %d", row.args, code, row.code)
		}
		if !strings.Contains(errOut.String(), row.says) {
			t.Errorf("prog %q says %q, want %q in it", row.args, errOut.String(), row.says)
		}
	}
}

func TestFlagsAnywhere(t *testing.T) {
	for _, args := range []string{"do -name n a b", "do a -name n b", "do a b -name n", "do -name n a -- b"} {
		p := program(func(c *cli.Call, name string) error {
			if name != "n" || strings.Join(c.Args, " ") != "a b" {
				t.Errorf("%q: name %q, arguments %q", args, name, c.Args)
			}
			return nil
		})
		p.Run(t.Context(), strings.Fields(args), nil, io.Discard, io.Discard)
	}
	p := program(func(c *cli.Call, name string) error {
		if name != "none" || strings.Join(c.Args, " ") != "a -name" {
			t.Errorf("after --: name %q, arguments %q", name, c.Args)
		}
		return nil
	})
	p.Run(t.Context(), []string{"do", "--", "a", "-name"}, nil, io.Discard, io.Discard)
}

func TestPrint(t *testing.T) {
	for args, want := range map[string]string{"do": "seven", "do -json": "{\n  \"N\": 7\n}\n"} {
		var out strings.Builder
		p := program(func(c *cli.Call, _ string) error {
			return c.Print(struct{ N int }{7}, func(w io.Writer) { fmt.Fprint(w, "seven") })
		})
		p.Run(t.Context(), strings.Fields(args), nil, &out, io.Discard)
		if out.String() != want {
			t.Errorf("prog %s prints %q, want %q", args, out.String(), want)
		}
	}
}

func TestReadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	text := "# a comment\n\nlist one\nlist = two\nsize=2GB\nname file\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var list cli.Strings
	var size cli.Bytes
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.Var(&list, "list", "")
	fs.Var(&size, "size", "")
	name := fs.String("name", "", "")
	if err := fs.Parse([]string{"-name", "flag"}); err != nil {
		t.Fatal(err)
	}
	if err := cli.ReadConfig(fs, path); err != nil {
		t.Fatal(err)
	}
	if list.String() != "one,two" || size != 2e9 || *name != "flag" {
		t.Errorf("list %v, size %d, name %q", list, size, *name)
	}
	for _, bad := range []string{"nothing x\n", "size many\n"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		fresh := flag.NewFlagSet("", flag.ContinueOnError)
		fresh.Var(&size, "size", "")
		if err := cli.ReadConfig(fresh, path); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("ReadConfig(%q) = %v, want an error about line 1", bad, err)
		}
	}
}

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 files": cli.Count(0, "file"), "1 file": cli.Count(1, "file"), "2 files": cli.Count(uint64(2), "file"),
		"3 boxes": cli.Count(3, "box"), "4 entries": cli.Count(4, "entry"),
	} {
		if got != want {
			t.Errorf("Count = %q, want %q", got, want)
		}
	}
}
