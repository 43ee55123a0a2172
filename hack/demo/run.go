package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// run keeps a box running on this computer and says how to use it.
func run(ctx context.Context, progs programs, state string) error {
	state, err := filepath.Abs(state)
	if err != nil {
		return err
	}
	var operator struct{ Operator string }
	home := filepath.Join(state, "operator")
	if err := progs.call(ctx, &operator, nil, []string{"COBOXCTL_HOME=" + home}, "coboxctl", "init", "-json"); err != nil {
		return err
	}
	b := &box{
		progs: progs, state: filepath.Join(state, "box"),
		args: []string{"-state", filepath.Join(state, "box"), "-operator", operator.Operator,
			"-listen", "/ip4/127.0.0.1/tcp/4001", "-listen", "/ip4/127.0.0.1/udp/4001/quic-v1", "-mdns=off", "-dht=off",
			"-hypercore", "127.0.0.1:4002"},
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	st, err := b.ask(ctx)
	if err != nil {
		return err
	}
	fmt.Printf(`
A box runs on this computer. Its state is in %[1]s; interrupt (^C) ends it.
In another terminal, as a partner:

  export COBOX_HOME=%[1]s/partner PATH=%[2]s:$PATH
  cobox init                                  # makes your keys, shows your recovery phrase once
  COBOXCTL_HOME=%[1]s/operator coboxctl grant -socket %[1]s/box/run/seederd.sock \
      -partner "$(cobox whoami)" -quota 10GB  # what the box's operator does
  cobox space create documents ~/Documents
  cobox pin documents %[3]s
  cobox backup documents
  cobox restore -space documents ./restored

Stock Hypercore peers replicate what is pinned with -open, at TCP %[4]s:

  cobox pin -drive KEY -open %[3]s

`, state, string(progs), st.Addrs[0], st.Hypercore.Addr)
	return <-b.ended
}
