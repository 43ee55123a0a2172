package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cobox/provision/label"
	"cobox/seeder/cli"
)

// copies makes cards for several boxes.
func (b newBox) copies(c *cli.Call, image, dir string, count int) error {
	in, size, err := openImage(image)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	if err := b.check(&openedCard{in, size}, image); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making cards: %w", err)
	}
	name := func(g given) string { return filepath.Join(dir, g.label.Tag.HostName()+".img") }
	var all []given
	var labels []label.Label
	taken := make(map[string]bool)
	for len(all) < count {
		g, err := b.give()
		if err != nil {
			return err
		}
		if _, err := os.Lstat(name(g)); taken[name(g)] || err == nil {
			continue
		}
		taken[name(g)] = true
		all, labels = append(all, g), append(labels, g.label)
	}
	files, err := b.paper.write(b.labels, labels)
	if err != nil {
		return err
	}
	p := cli.NewProgress(c.Err, "copying", int64(count)*size, c.JSON)
	defer p.Close()
	result := labelsMade{Files: files}
	for i, g := range all {
		if err := b.copy(in, size, name(g), g); err != nil {
			return fmt.Errorf("making the card %s: %w", name(g), err)
		}
		p.Set(int64(i+1)*size, int64(count)*size)
		made := labelMade{Tag: g.label.Tag.String(), Image: name(g)}
		switch {
		case !b.owner.IsZero():
			made.Flashed = g.flashed().Text()
		case b.labels == "":
			made.Code = g.label.Code.Text()
		}
		result.Labels = append(result.Labels, made)
	}
	return c.Print(result, func(w io.Writer) { result.print(w, labels) })
}

// copy copies an image, leaves out what is zero, and gives the copy its code or owner. What is
// there under the name is whole.
func (b newBox) copy(in io.ReaderAt, size int64, name string, g given) (err error) {
	out, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(out.Name()) }() // is not there any more when all was well
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, out.Close())
		}
	}()
	if err := out.Truncate(size); err != nil {
		return err
	}
	buf, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(buf)) {
		n, err := in.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if string(buf[:n]) == string(zero[:n]) {
			continue
		}
		if _, err := out.WriteAt(buf[:n], at); err != nil {
			return err
		}
	}
	if err := b.write(&openedCard{out, size}, g); err != nil {
		return err
	}
	closed = true
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), name)
}
