package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"cobox/image/flash"
	"cobox/provision"
	"cobox/seeder/cli"
)

func flashCommand() cli.Command {
	var yes string
	return cli.Command{
		Name: "flash", Args: "[IMAGE DEVICE]", Short: "write an image onto a card or a disk, and read it back",
		Help: `
Without arguments lists the cards and disks that an image could go to.

	mkimage flash
	mkimage flash dist/cobox-rpi.img /dev/sdb

All that is on the device is lost: its name has to be typed again. Devices that are
in use, and those that look like a disk of this computer, are refused. Then give the
card its code: mkimage personalise DEVICE.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&yes, "yes", "", "the `name` of the device, instead of typing it: sdb for /dev/sdb")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			switch len(c.Args) {
			case 0:
				return listDevices(c)
			case 2:
				return flashImage(ctx, c, c.Args[0], c.Args[1], yes)
			}
			return cli.Misuse("flash needs an image and a device, or nothing to list the devices")
		},
	}
}

func listDevices(c *cli.Call) error {
	all, err := flash.Devices()
	if err != nil {
		return err
	}
	list := make([]flash.Device, 0, len(all))
	for _, d := range all {
		if d.Removable && d.Size > 0 {
			list = append(list, d)
		}
	}
	return c.Print(list, func(w io.Writer) {
		for _, d := range list {
			fmt.Fprintf(w, "%-14s %9s  %-4s %s", d.Path, cli.FormatBytes(uint64(d.Size)), d.Bus, d.Model)
			if err := d.Check(0); err != nil {
				fmt.Fprintf(w, "  (in use: %s)", strings.Join(d.Mounted, ", "))
			}
			fmt.Fprintln(w)
		}
		if len(list) == 0 {
			fmt.Fprintln(w, "there is no card or disk that can be taken out or unplugged: put one in")
		}
	})
}

// device returns the device with this path, once it is known to be fit for an image
// of size bytes.
func device(path string, size int64) (flash.Device, error) {
	all, err := flash.Devices()
	if err != nil {
		return flash.Device{}, err
	}
	for _, d := range all {
		if d.Path == path || d.Name == path {
			return d, d.Check(size)
		}
	}
	return flash.Device{}, cli.WithHint(fmt.Errorf("there is no card or disk %s", path), "mkimage flash lists them; partitions, such as /dev/sdb1, are none")
}

func flashImage(ctx context.Context, c *cli.Call, image, path, yes string) (err error) {
	f, size, err := openImage(image)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	d, err := device(path, size)
	if err != nil {
		return err
	}
	if yes == "" {
		fmt.Fprintf(c.Err, "%s, %s, %s: all that is on it will be lost\n", d.Path, cli.FormatBytes(uint64(d.Size)), strings.TrimSpace(d.Bus+" "+d.Model))
		if yes, err = c.Ask("type " + d.Name + " to write to it"); err != nil {
			return err
		}
	}
	if yes != d.Name {
		return fmt.Errorf("%q is not %s: nothing was written", yes, d.Name)
	}
	target, err := d.Open()
	if err != nil {
		return cli.WithHint(err, "writing to a device needs root's rights, and nothing else may use it")
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	p := cli.NewProgress(c.Err, "flashing", 2*size, c.JSON)
	err = flash.Write(ctx, target, target.Size, f, size, func(done int64) { p.Set(done, 2*size) })
	p.Close()
	if errors.Is(err, flash.ErrDiffers) {
		return &cli.Error{Err: err, Code: cli.VerifyFailed}
	}
	if err != nil {
		return err
	}
	if err := target.Reread(); err != nil {
		c.Note("this computer does not see the new partitions yet (%v): take the card out", err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return err
	}
	result := struct {
		Device string `json:"device"`
		Size   int64  `json:"size"`
		Sum    string `json:"sha256"` // of the image
	}{d.Path, size, hex.EncodeToString(h.Sum(nil))}
	return c.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "%s is written and read back: %s\nnow give it its code: mkimage personalise %s\n", d.Path, result.Sum, d.Path)
	})
}

// openImage opens a file that is an image.
func openImage(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("opening the image: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err == nil {
		_, err = readBootFile(f, info.Size(), provision.PersonalFile)
	}
	if err != nil {
		return nil, 0, cli.WithHint(errors.Join(fmt.Errorf("%s is no image of a box's card: %w", path, err), f.Close()), "mkimage build makes one")
	}
	return f, info.Size(), nil
}
