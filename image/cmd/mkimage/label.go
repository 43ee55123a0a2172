package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cobox/image/sheet"
	"cobox/provision"
	"cobox/provision/label"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
)

// maxLabels is how many labels are made in one run. It stops a slip of the finger.
const maxLabels = 1000

// paper is on what labels are printed.
type paper struct {
	size string // "a4" or a label's size
	skip int
	cut  bool
}

func labelCommand() cli.Command {
	var (
		on              paper
		boxes, out, tag string
		count           int
		anywhere        bool
	)
	return cli.Command{
		Name: "label", Args: "[-boxes DIR -count N] [-o FILE]", Short: "labels for a label printer or on A4: for new boxes, or again",
		Help: `
With -boxes makes new boxes: for each a state folder DIR/cobox-TAG, in which the
box finds the public half of its code, and the label with the code itself. The
codes are on the labels and nowhere else. What is under such a folder goes to
/perm/cobox on the box.

	mkimage label -boxes boxes -count 20 -paper a4 -o labels.pdf
	mkimage label -boxes boxes -o label.pdf          # 62 x 29 mm, for a label printer

Without -boxes draws labels again. It asks for what is on them: the text of the
QR, or the code, with -tag. From a file or a pipe it reads one a line.

	mkimage label -tag 7K3F9Q -o label.png

FILE ends in .pdf, .png or .svg; pictures of several pages are numbered. Print at
100 %, not "fit to page". Without -o the labels are shown here. Whoever has a code
owns the box: delete the file when the labels are printed.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&boxes, "boxes", "", "make new boxes, with their state folders in this `folder`")
			fs.IntVar(&count, "count", 1, "how many new `boxes`")
			fs.BoolVar(&anywhere, "anywhere", false, "let the new boxes be claimed from anywhere, and not only from their own network")
			fs.StringVar(&tag, "tag", "", "the `tag` of the box whose label is drawn again")
			fs.StringVar(&out, "o", "", "write the labels into this `file`: .pdf, .png or .svg")
			fs.StringVar(&on.size, "paper", sheet.Standard.String(), "`WxH`, one label of this size in millimetres a page, or a4, sheets of 21 labels (L7160)")
			fs.IntVar(&on.skip, "skip", 0, "leave the first `N` labels of a used sheet out; with -paper a4")
			fs.BoolVar(&on.cut, "cut", false, "draw lines to cut plain paper along; with -paper a4")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			forNew := boxes != ""
			switch {
			case len(c.Args) > 0:
				return cli.Misuse("codes are asked for, and are no arguments: those stay in the shell's history")
			case !forNew && (count != 1 || anywhere):
				return cli.Misuse("-count and -anywhere are for new boxes: say with -boxes where they go")
			case forNew && tag != "":
				return cli.Misuse("new boxes get tags of their own: leave out -tag or -boxes")
			case count < 1 || count > maxLabels:
				return cli.Misuse("-count is 1 to %d", maxLabels)
			case on.size != "a4" && (on.skip != 0 || on.cut):
				return cli.Misuse("-skip and -cut are for sheets: they need -paper a4")
			case on.skip < 0 || on.skip >= sheet.A4Labels:
				return cli.Misuse("-skip is 0 to %d: a sheet has %d labels", sheet.A4Labels-1, sheet.A4Labels)
			}
			if err := checkLabelFile(out); err != nil {
				return err
			}
			if _, err := on.pages(nil); err != nil {
				return cli.Misuse("%v", err)
			}
			var labels []label.Label
			var err error
			if forNew {
				labels, err = newLabels(boxes, count)
			} else {
				labels, err = askLabels(c, tag)
			}
			if err != nil {
				return err
			}
			// The pictures first: a box whose code nobody can read is of no use.
			files, err := on.write(out, labels)
			if err != nil {
				return err
			}
			result := labelsMade{Files: files}
			for _, l := range labels {
				made := labelMade{Tag: l.Tag.String()}
				if forNew {
					made.State = stateOf(boxes, l)
					card := provision.Card{Claim: l.Code.Claim().Public(), Tag: l.Tag, Anywhere: anywhere}
					if err := provision.WriteCard(made.State, card); err != nil {
						return err
					}
				}
				if out == "" {
					made.Code = l.Code.Text()
				}
				result.Labels = append(result.Labels, made)
			}
			return c.Print(result, func(w io.Writer) { result.print(w, labels) })
		},
	}
}

// labelsMade is what the command says it did. Codes are in it only when they are
// in no file.
type labelsMade struct {
	Labels []labelMade `json:"labels"`
	Files  []string    `json:"files,omitempty"`
}

type labelMade struct {
	Tag   string `json:"tag"`
	State string `json:"state,omitempty"` // the new box's state folder
	Image string `json:"image,omitempty"` // the new box's card
	Code  string `json:"code,omitempty"`
	// Flashed names the card for its owner, in place of a code.
	Flashed string `json:"flashed,omitempty"`
}

func (m labelsMade) print(w io.Writer, labels []label.Label) {
	for i, made := range m.Labels {
		if made.Code != "" {
			if pic, err := label.Draw(labels[i].Text()); err == nil {
				printLabel(w, labels[i], pic)
			}
		}
		if made.State != "" {
			fmt.Fprintf(w, "%s  %s\n", made.Tag, made.State)
		}
		if made.Image != "" && made.Flashed == "" {
			fmt.Fprintf(w, "%s  %s\n", made.Tag, made.Image)
		}
		if made.Flashed != "" {
			fmt.Fprintf(w, "%s  coboxctl pair -flashed %s\n", made.Image, made.Flashed)
		}
	}
	if len(m.Files) > 0 {
		fmt.Fprintf(w, "%d labels are in %s\n", len(labels), strings.Join(m.Files, ", "))
	}
}

func stateOf(boxes string, l label.Label) string { return filepath.Join(boxes, l.Tag.HostName()) }

// newLabels makes labels with tags that no other box in the folder has.
func newLabels(boxes string, count int) (labels []label.Label, err error) {
	taken := make(map[string]bool)
	for len(labels) < count {
		l, err := newLabel()
		if err != nil {
			return nil, err
		}
		state := stateOf(boxes, l)
		if _, err := os.Lstat(state); taken[state] || err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("making a box in %s: %w", boxes, err)
		}
		taken[state] = true
		labels = append(labels, l)
	}
	return labels, nil
}

// askLabels asks for labels that there are: one at a terminal, otherwise all lines.
func askLabels(c *cli.Call, tag string) (labels []label.Label, err error) {
	var givenTag label.Tag
	if tag != "" {
		if givenTag, err = label.ParseTag(tag); err != nil {
			return nil, err
		}
	}
	for len(labels) < maxLabels {
		text, err := c.AskSecret("the code on the label")
		if errors.Is(err, cli.ErrEnded) && len(labels) > 0 {
			return labels, nil
		}
		if err != nil {
			return nil, err
		}
		what, err := label.Parse(text)
		if err != nil {
			return nil, err
		}
		if _, flashed := what.(label.Flashed); flashed {
			return nil, errors.New("this names the card of a box that has an owner: such a box has no code, and no label")
		}
		l, isLabel := what.(label.Label)
		if code, ok := what.(label.Code); ok {
			l = label.Label{Code: code, Tag: givenTag}
		} else if !isLabel {
			return nil, cli.WithHint(errors.New("this is an invite, and no box's label"), "coboxctl invite draws invites")
		}
		if l.Tag.IsZero() {
			return nil, cli.Misuse("a code alone does not say which box it is for: say it with -tag")
		}
		labels = append(labels, l)
		if c.Terminal() || tag != "" {
			return labels, nil
		}
	}
	return nil, fmt.Errorf("more than %d labels", maxLabels)
}

func (p paper) pages(labels []label.Label) ([]*sheet.Page, error) {
	if p.size == "a4" {
		return sheet.A4(labels, p.skip, p.cut)
	}
	size, err := sheet.ParseSize(p.size)
	if err != nil {
		return nil, err
	}
	return sheet.Labels(size, labels)
}

func checkLabelFile(out string) error {
	switch filepath.Ext(out) {
	case ".pdf", ".png", ".svg":
		return nil
	}
	if out == "" {
		return nil
	}
	return cli.Misuse("%s: labels are written as .pdf, .png or .svg", out)
}

// write writes labels into a file, or several files when there are several pages
// and the form has none; they are for their owner alone to read. It returns their
// names; none without a name to write to.
func (p paper) write(out string, labels []label.Label) (files []string, err error) {
	if out == "" {
		return nil, nil
	}
	pages, err := p.pages(labels)
	if err != nil {
		return nil, err
	}
	ext := filepath.Ext(out)
	if ext == ".pdf" {
		var b bytes.Buffer
		if err := sheet.PDF(&b, pages); err != nil {
			return nil, err
		}
		return []string{out}, durable.WriteFile(out, b.Bytes(), 0o600)
	}
	digits := len(strconv.Itoa(len(pages)))
	for i, page := range pages {
		name := out
		if len(pages) > 1 {
			name = fmt.Sprintf("%s-%0*d%s", strings.TrimSuffix(out, ext), digits, i+1, ext)
		}
		write := page.PNG
		if ext == ".svg" {
			write = page.SVG
		}
		if err := draw(name, write); err != nil {
			return files, err
		}
		files = append(files, name)
	}
	return files, nil
}
