// Package cli is how all commands of the project look: one table of
// subcommands, help written by hand, results on standard output, everything
// else on standard error, and exit codes that scripts can rely on.
package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes.
const (
	Done         = 0
	Failed       = 1
	Usage        = 2
	Partly       = 3 // done in part: what is missing was reported
	VerifyFailed = 4 // what came back is not what was stored
)

// An Error says how a command ends: the exit code and, where one helps, a hint
// what to try.
type Error struct {
	Code int
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// WithHint adds what to try to an error; nil stays nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: Failed, Err: err, Hint: hint}
}

// Misuse is an error of wrong usage.
func Misuse(format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...)}
}

// A Command is one subcommand.
type Command struct {
	Name    string
	Args    string // as in the usage line: "[-n N] DIR"
	Short   string // one line for the table
	Help    string // what it does, and a real example
	Flags   func(*flag.FlagSet)
	Run     func(context.Context, *Call) error
	Secrets bool // its result is secret: no -json
}

// A Call is one run of a command.
type Call struct {
	Args []string
	In   io.Reader
	Out  io.Writer // results
	Err  io.Writer // everything else
	JSON bool      // print results as JSON

	lines *bufio.Reader // over In, once a line was read
}

// Print writes a result: value as indented JSON with -json, else what text writes.
func (c *Call) Print(value any, text func(w io.Writer)) error {
	if !c.JSON {
		text(c.Out)
		return nil
	}
	e := json.NewEncoder(c.Out)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// Note tells the person something that is no result; it is quiet with -json.
func (c *Call) Note(format string, args ...any) {
	if !c.JSON {
		fmt.Fprintf(c.Err, format+"\n", args...)
	}
}

// A Program is a command with subcommands.
type Program struct {
	Name     string
	About    string // shown above the table
	Commands []Command
	After    string // shown below it: first steps
}

// Main runs the program and exits. An interrupt ends ctx; a second one kills.
func (p *Program) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := p.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run runs one command and returns its exit code.
func (p *Program) Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	if len(args) == 0 {
		p.usage(errOut)
		return Usage
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		if len(args) > 1 {
			for _, c := range p.Commands {
				if c.Name == args[1] {
					p.commandUsage(out, &c)
					return Done
				}
			}
		}
		p.usage(out)
		return Done
	}
	for i := range p.Commands {
		if p.Commands[i].Name == args[0] {
			return p.report(errOut, p.call(ctx, &p.Commands[i], args[1:], in, out, errOut))
		}
	}
	return p.report(errOut, &Error{
		Code: Usage, Err: fmt.Errorf("there is no command %q", args[0]),
		Hint: fmt.Sprintf("%s help lists the commands", p.Name),
	})
}

func (p *Program) call(ctx context.Context, cmd *Command, args []string, in io.Reader, out, errOut io.Writer) error {
	c := &Call{In: in, Out: out, Err: errOut}
	fs := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	if cmd.Flags != nil {
		cmd.Flags(fs)
	}
	if !cmd.Secrets {
		fs.BoolVar(&c.JSON, "json", false, "print the result as JSON")
	}
	args, err := parseAnywhere(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.commandUsage(out, cmd)
		return nil
	case err != nil:
		return &Error{Code: Usage, Err: err, Hint: fmt.Sprintf("%s help %s", p.Name, cmd.Name)}
	}
	c.Args = args
	return cmd.Run(ctx, c)
}

// parseAnywhere parses flags before, between and after the arguments, as people
// type them; "--" ends the flags.
func parseAnywhere(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if parsed := len(args) - len(left); parsed > 0 && args[parsed-1] == "--" {
			return append(rest, left...), nil
		}
		rest = append(rest, left[0])
		args = left[1:]
	}
}

// report prints an error and returns the exit code.
func (p *Program) report(w io.Writer, err error) int {
	if err == nil {
		return Done
	}
	fmt.Fprintf(w, "%s: error: %v\n", p.Name, err)
	code := Failed
	if e, ok := errors.AsType[*Error](err); ok {
		code = e.Code
		if e.Hint != "" {
			fmt.Fprintf(w, "%s: hint: %s\n", p.Name, e.Hint)
		}
	}
	return code
}

func (p *Program) usage(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nusage: %s COMMAND [flags] [arguments]\n\n", strings.TrimSpace(p.About), p.Name)
	for _, c := range p.Commands {
		fmt.Fprintf(w, "  %-16s %s\n", c.Name, c.Short)
	}
	fmt.Fprintf(w, "\n%s help COMMAND says more about one.\n", p.Name)
	if p.After != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(p.After))
	}
}

func (p *Program) commandUsage(w io.Writer, c *Command) {
	fmt.Fprintf(w, "usage: %s %s %s\n\n%s\n", p.Name, c.Name, c.Args, strings.TrimSpace(c.Help))
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	if c.Flags != nil {
		c.Flags(fs)
	}
	n := 0
	fs.VisitAll(func(f *flag.Flag) {
		if n++; n == 1 {
			fmt.Fprint(w, "\nflags:\n")
		}
		name, about := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  -%s %s\n    \t%s\n", f.Name, name, about)
	})
}
