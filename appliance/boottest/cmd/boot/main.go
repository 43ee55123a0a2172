// Command boot boots a box in QEMU, as one that was just flashed, and prints how to
// reach and pair it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cobox/appliance/boottest"
	"cobox/provision/label"
)

func main() {
	image := flag.String("image", "", "the `file` with the image, which is not changed")
	board := flag.String("board", "virt", "the `machine`: virt or raspi3b")
	dir := flag.String("dir", "var/boot", "the `folder` for the card, the label and the console")
	log := flag.Bool("log", false, "show what the box's programs log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *image, *board, *dir, *log)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "boot: error:", err)
		os.Exit(1)
	}
}

// cardSize is a power of two, as a Raspberry Pi in QEMU wants it.
const cardSize = 8 << 30

func run(ctx context.Context, image, name, dir string, log bool) (err error) {
	board := boottest.Virt
	switch name {
	case boottest.Virt.Name:
	case boottest.Pi3.Name:
		board = boottest.Pi3
	default:
		return fmt.Errorf("-board %q: there are %s and %s", name, boottest.Virt.Name, boottest.Pi3.Name)
	}
	if dir, err = filepath.Abs(filepath.Join(dir, name)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, paper := filepath.Join(dir, "card.img"), filepath.Join(dir, "label.txt")
	// A box that was here before is switched on again.
	if _, err := os.Stat(paper); errors.Is(err, fs.ErrNotExist) {
		card, err := boottest.NewCard(image, file, cardSize)
		if err == nil {
			err = os.WriteFile(paper, []byte(card.Label.Text()+"\n"), 0o600)
		}
		if err != nil {
			return err
		}
	}
	times, err := boottest.NewTimeServer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, times.Close()) }()
	s := boottest.Setup{Board: board, Image: file, Dir: dir, Console: os.Stdout, Param: []string{fmt.Sprintf("cobox.ntp=10.0.2.2:%d", times.Port())}}
	if log {
		s.Param = append(s.Param, "cobox.log=console")
	}
	g, err := boottest.PowerOn(ctx, s, func(format string, args ...any) { fmt.Fprintf(os.Stderr, "boot: "+format+"\n", args...) })
	if err != nil {
		return err
	}
	addr, err := g.AwaitBox(ctx)
	if err != nil {
		g.Kill()
		return err
	}
	// After what the kernel says, of which there is a lot.
	if err := printLabel(paper); err != nil {
		g.Kill()
		return err
	}
	fmt.Printf(`
The box answers, %.1f s after power-on. Its card is %[2]s.
Interrupt (^C) pulls its plug; the same command switches it on again, and a new box
begins when %[3]s is removed. In another terminal, in this folder, as its operator:

  export COBOXCTL_HOME=%[3]s/operator COBOX_HOME=%[3]s/partner PATH=$PWD/bin:$PATH
  coboxctl pair -addr %[4]s      # asks for the code on the label above

From this computer are reached:
`, time.Since(g.Began()).Seconds(), file, dir, addr)
	for _, p := range []struct{ name, what string }{
		{"tcp/4001", "operators and partners"}, {"udp/4001", "the same, by QUIC"},
		{"tcp/4002", "stock Hypercore peers, when an operator has turned that on"}, {"tcp/80", "the page for people on the box's network"},
	} {
		fmt.Printf("  %-9s at 127.0.0.1:%-6d %s\n", p.name, g.Ports()[p.name], p.what)
	}
	fmt.Println()
	err = g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func printLabel(paper string) error {
	text, err := os.ReadFile(paper)
	if err != nil {
		return err
	}
	l, err := label.ParseLabel(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", paper, err)
	}
	pic, err := label.Draw(l.Text())
	if err != nil {
		return err
	}
	fmt.Printf("\n  box   %s\n  code  %s\n\n", l.Tag, l.Code.Text())
	return pic.Terminal(os.Stdout, true)
}
