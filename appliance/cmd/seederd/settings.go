package main

import (
	"flag"
	"fmt"
	"io"
	"time"

	"cobox/seeder"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// settings are the flags; the configuration file has the same names.
type settings struct {
	config       seeder.Config
	grants       cli.Strings
	status, json bool
	debug, trace bool
	disk         string // where the data disk is mounted
}

// onOff is a flag with the values on and off.
type onOff bool

func (v *onOff) String() string {
	if *v {
		return "on"
	}
	return "off"
}

func (v *onOff) Set(text string) error {
	switch text {
	case "on":
		*v = true
	case "off":
		*v = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

// operators is a flag for operator keys; it may be given several times.
type operators []identity.OperatorKey

func (o *operators) String() string { return fmt.Sprint([]identity.OperatorKey(*o)) }

func (o *operators) Set(text string) error {
	k, err := identity.ParseOperatorKey(text)
	if err != nil {
		return err
	}
	*o = append(*o, k)
	return nil
}

// parse reads flags and, where one is named, the configuration file.
func parse(args []string, errOut io.Writer) (*settings, error) {
	s := &settings{}
	c := &s.config
	var (
		listen, bootstrap, relays cli.Strings
		ops                       operators
		capacity, reserve         cli.Bytes
		scrub                     cli.Bytes = 1 << 20
		configFile                string
		mdns                      onOff = true
	)
	fs := flag.NewFlagSet("seederd", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		fmt.Fprint(errOut, usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&c.State, "state", "", "the state `folder`; one seeder at a time may use it")
	fs.Var(&ops, "operator", "public `key` of an operator whose grants count; may be given several times")
	fs.Var(&s.grants, "grant", "`file` with a grant to take in at start; may be given several times")
	fs.Var(&listen, "listen", "multiaddress `ADDR` to listen on; may be given several times (default: port 4001, TCP and QUIC, on all addresses)")
	fs.Var(&bootstrap, "bootstrap", "multiaddress `ADDR` with peer ID of a peer to begin the DHT with; may be given several times")
	fs.Var(&relays, "relay", "multiaddress `ADDR` with peer ID of a relay, for a box behind NAT; may be given several times")
	fs.StringVar(&c.Swarm.DHT, "dht", "auto", "`mode` in the DHT: auto, server, client or off")
	fs.Var(&mdns, "mdns", "`on|off`: be found on the local network")
	fs.Var(&capacity, "capacity", "how much the box may keep in all, a `size` such as 2TB (default: what is free, less -reserve)")
	fs.Var(&reserve, "reserve", "how much of the disk stays free, a `size` (default 1GiB)")
	fs.Var(&scrub, "scrub-rate", "how much is re-read and verified in a second, a `size`; 0 for none")
	fs.DurationVar(&c.Retention, "retention", 30*24*time.Hour, "how long blocks stay that their writer truncated, a `time`")
	fs.StringVar(&s.disk, "disk", "", "the `folder` at which the authority mounts the box's data disk; with -authority")
	fs.BoolVar(&c.Authority, "authority", false, "follow provisiond, which runs on the same state folder, instead of -operator and -grant")
	fs.StringVar(&c.Hypercore, "hypercore", "", "serve stock Hypercore peers what is open to them, at TCP `host:port`, such as 0.0.0.0:4002 (default: do not)")
	fs.StringVar(&configFile, "config", "", "`file` with settings")
	fs.BoolVar(&s.status, "status", false, "print how the seeder on -state stands, and end")
	fs.BoolVar(&s.json, "json", false, "with -status: print JSON")
	fs.BoolVar(&s.debug, "debug", false, "log more")
	fs.BoolVar(&s.trace, "trace-replication", false, "print the messages of replication by name, without keys and contents")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if configFile != "" {
		if err := cli.ReadConfig(fs, configFile); err != nil {
			return nil, err
		}
	}
	if c.State == "" || fs.NArg() > 0 {
		return nil, fmt.Errorf("-state is needed, and no arguments (%q)", fs.Args())
	}
	c.Operators = ops
	c.Capacity, c.Reserve = uint64(capacity), uint64(reserve)
	if c.ScrubRate = int(scrub); scrub == 0 {
		c.ScrubRate = -1
	}
	c.Swarm.Listen = listen
	if len(listen) == 0 {
		c.Swarm.Listen = []string{
			"/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001",
			"/ip4/0.0.0.0/udp/4001/quic-v1", "/ip6/::/udp/4001/quic-v1",
		}
	}
	c.Swarm.Bootstrap, c.Swarm.Relays = bootstrap, relays
	c.Swarm.MDNS, c.Swarm.HolePunching = bool(mdns), true
	if c.Swarm.DHT == swarm.DHTOff {
		c.Swarm.DHT = ""
	}
	return s, nil
}
