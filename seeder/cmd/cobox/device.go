package main

import (
	"context"
	"flag"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cobox/seeder/cli"
)

// deviceFlags are the flags of all that can be done with devices.
type deviceFlags struct {
	set     *flag.FlagSet
	name    string
	spaces  cli.Strings
	scope   string
	until   cli.Day
	out     string
	partner string
	yes     bool
}

func (f *deviceFlags) flags(fs *flag.FlagSet) {
	f.set = fs
	fs.StringVar(&f.name, "name", "", "request: how this computer is called in snapshots; add: how the device is called in your list; a `word`")
	fs.Var(&f.spaces, "space", "add: the `name` of a space that the device is to work on, or all; may be given several times")
	fs.StringVar(&f.scope, "scope", "full", "add: `what` the device may do: full, or read to restore only")
	fs.Var(&f.until, "until", "add: the last `day` on which the device has access, such as 2027-12-31; without it there is no end")
	fs.StringVar(&f.out, "o", "", "add: write the parcel to a `file`")
	fs.StringVar(&f.partner, "partner", "", "join: the `key` that cobox whoami shows on the other computer")
	fs.BoolVar(&f.yes, "yes", false, "join: do not ask")
}

// takes refuses flags that belong to another of the device commands.
func (f *deviceFlags) takes(what string, names ...string) (err error) {
	f.set.Visit(func(fl *flag.Flag) {
		if fl.Name != "json" && !slices.Contains(names, fl.Name) && err == nil {
			err = cli.Misuse("device %s has no flag -%s", what, fl.Name)
		}
	})
	return err
}

func deviceCommand() cli.Command {
	var f deviceFlags
	return cli.Command{
		Name: "device", Args: "request | add REQUEST | join [FILE] | list | revoke NAME|KEY [BOX...]", Short: "add more computers, and take access away",
		Help: `
More computers of yours can back up and restore without the recovery phrase. The
new computer asks, one that has the phrase answers with a parcel that only the
new one can open, and the new one joins:

	new$   cobox device request
	COBOX1D:SA9T-R5R5-31R7-...
	first$ cobox device add COBOX1D:SA9T-R5R5-31R7-... -name laptop -space documents -o laptop.parcel
	new$   cobox device join -partner partner:7ir1... laptop.parcel
	new$   cobox restore -space documents ./documents

The request is no secret and the parcel may go by mail. But see to it that nobody
replaces them on their way: compare the request's last letters, and give -partner
the key that "cobox whoami" shows on the first computer. With -scope read the new
computer restores only; -until ends its access on a day. To give it more time or
further spaces, add it again and let it join again.

	first$ cobox device list
	first$ cobox device revoke laptop

Revoking tells all your boxes at once, which cut the device off and refuse it from
then on; a box that is off hears of it from the next of your computers that
reaches it. It takes back access, not knowledge: the device still has the keys of
its spaces, and what it has read. Whoever has it and gets at what boxes or other
computers keep can read that too, also what is backed up later, unless it goes to
a new space. A lost computer on which the recovery phrase was entered is not
stopped by this: it has the partner key and can certify itself again. Then begin
anew with "cobox init" on a clean home folder, new spaces, and new invites.`,
		Flags: f.flags,
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) == 0 {
				return cli.Misuse("device needs to know what to do: request, add, join, list or revoke")
			}
			what := c.Args[0]
			c.Args = c.Args[1:]
			switch what {
			case "request":
				return f.request(c)
			case "add":
				return f.add(c)
			case "join":
				return f.join(c)
			case "list":
				return f.list(c)
			case "revoke":
				return f.revoke(ctx, c)
			}
			return cli.Misuse("there is no device %s: use request, add, join, list or revoke", what)
		},
	}
}

// maxDeviceName bounds a device's name in bytes.
const maxDeviceName = 64

// checkDeviceName refuses names that cannot be shown on a line, or be told from keys.
func checkDeviceName(name string) error {
	if name == "" || len(name) > maxDeviceName || !utf8.ValidString(name) || strings.TrimSpace(name) != name ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.ContainsAny(name, ":/\\") {
		return cli.Misuse("%q is no name for a device: use up to %d letters, digits, spaces and dashes", name, maxDeviceName)
	}
	return nil
}

// dayText shows a certificate's end.
func dayText(t time.Time) string {
	if t.IsZero() {
		return "without end"
	}
	return "until " + t.Local().Format(time.DateOnly)
}
