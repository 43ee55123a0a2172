package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// pagePort is where the status page is, beside the box's own port: 4080 beside 4001.
const pagePort = 79

// run runs a box on this computer, as one that was just flashed, and prints its
// label and what to do with it.
func run(ctx context.Context, progs programs, state string, port int) error {
	state, err := filepath.Abs(state)
	if err != nil {
		return err
	}
	hypercore, page := "127.0.0.1:0", ""
	if port > 0 {
		hypercore, page = fmt.Sprintf("127.0.0.1:%d", port+1), fmt.Sprintf("127.0.0.1:%d", port+pagePort)
	}
	b := &box{
		progs: progs, state: filepath.Join(state, "box"), log: filepath.Join(state, "box.log"), page: page,
		args: []string{
			"-listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port), "-listen", fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", port),
			"-mdns=off", "-dht=off", "-hypercore", hypercore,
		},
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	// A box that was here before has its label on paper.
	if _, err := os.Stat(filepath.Join(b.state, "own", "claim")); errors.Is(err, fs.ErrNotExist) {
		cmd := progs.command(ctx, "mkimage", "personalise", "-state", b.state, "-png", filepath.Join(state, "label.png"))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("giving the box its code: %w", err)
		}
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	st, err := b.ask(ctx)
	if err != nil {
		return err
	}
	fmt.Printf(`
A box runs on this computer. Its state is in %[1]s, its log in %[1]s/box.log;
interrupt (^C) ends it. In another terminal, as its operator:

  export COBOXCTL_HOME=%[1]s/operator COBOX_HOME=%[1]s/partner PATH=%[2]s:$PATH
  coboxctl pair -addr %[3]s
                                              # asks for the code on the label, which is also
                                              # in %[1]s/label.png (-qr FILE)
  coboxctl invite -partner "Food Coop" -quota 10GB
                                              # prints an invite, for the partner

and as a partner:

  cobox init                                  # makes your keys, shows your recovery phrase once
  cobox accept -addr %[3]s
                                              # asks for the invite
  cobox space create documents ~/Documents
  cobox pin documents %[3]s
  cobox backup documents
  cobox restore -space documents ./restored

Stock Hypercore peers replicate what is pinned with -open, at TCP %[4]s, once
"coboxctl set hypercore on" allows it.

`, state, string(progs), st.Addrs[0], hypercore)
	if page != "" {
		fmt.Printf("The box's status page, as people on its network see it: http://%s/\n\n", page)
	}
	return b.wait()
}
