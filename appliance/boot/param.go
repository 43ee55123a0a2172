package boot

import "strings"

// A Cmdline is the kernel's command line. It is set by who has the card.
type Cmdline string

// Get returns the value of the last parameter with a name, such as "cobox.ntp",
// and "" when there is none.
func (c Cmdline) Get(name string) (value string) {
	for field := range strings.FieldsSeq(string(c)) {
		if v, ok := strings.CutPrefix(field, name+"="); ok {
			value = v
		}
	}
	return value
}

// The parameters that init reads; all are for trials.
const (
	// paramNTP names time servers, HOST or HOST:PORT, with commas between them.
	paramNTP = "cobox.ntp"
	// paramLog is "console": the programs' logs go to the console too.
	paramLog = "cobox.log"
)

// TimeServers returns the time servers to ask instead of the usual ones; none
// for those.
func (c Cmdline) TimeServers() []string {
	if v := c.Get(paramNTP); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}

// LogsToConsole reports whether the console shows the programs' logs.
func (c Cmdline) LogsToConsole() bool { return c.Get(paramLog) == "console" }
