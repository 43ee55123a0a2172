package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cobox/seeder/cli"
)

// A show prints the steps of the demo as they happen.
type show struct{ began time.Time }

func (s *show) step(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func (s *show) fact(format string, args ...any) {
	fmt.Printf("         %s\n", fmt.Sprintf(format, args...))
}

// demo is the main job from end to end: a folder becomes an encrypted feed, a
// box keeps it without any key, the source is lost, another machine gets it back.
func demo(ctx context.Context, progs programs, tree string) (err error) {
	if tree == "" {
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return fmt.Errorf("asking go for GOROOT: %w", err)
		}
		tree = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	work, err := os.MkdirTemp("", "cobox-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(work)
		} else {
			fmt.Fprintln(os.Stderr, "everything is left in", work)
		}
	}()
	s := &show{time.Now()}
	d := &story{show: s, progs: progs, tree: tree, work: work}
	for _, part := range []func(context.Context) error{
		d.prepare, d.startBox, d.becomePartner, d.backUp, d.backUpAgain, d.searchBox, d.lose, d.recover, d.compare,
	} {
		if err := part(ctx); err != nil {
			if d.box != nil {
				err = errors.Join(err, d.box.logged(), d.box.kill())
			}
			return err
		}
	}
	st, err := d.box.ask(ctx)
	if err != nil {
		return err
	}
	s.step("the box at the end: %d feed, %d blocks, %s; peak memory %s", st.Store.Feeds, st.Store.Blocks,
		cli.FormatBytes(st.Store.Bytes), cli.FormatBytes(d.box.peakMemory()))
	if err := d.box.stop(); err != nil {
		return fmt.Errorf("stopping the box: %w", err)
	}
	s.step("done: everything came back, and the box could read none of it")
	return nil
}

// story is what the parts of the demo hand on to each other.
type story struct {
	*show
	progs      programs
	tree, work string
	box        *box
	id         status
	phrase     string
	partner    string
}

func (d *story) path(name string) string { return filepath.Join(d.work, name) }

// cobox runs the partner's command with a home folder of its own.
func (d *story) cobox(ctx context.Context, home string, result any, stdin string, args ...string) error {
	return d.progs.call(ctx, result, strings.NewReader(stdin), []string{"COBOX_HOME=" + d.path(home)}, "cobox", append(args, "-json")...)
}

func (d *story) coboxctl(ctx context.Context, result any, stdin string, args ...string) error {
	return d.progs.call(ctx, result, strings.NewReader(stdin), []string{"COBOXCTL_HOME=" + d.path("operator")}, "coboxctl", append(args, "-json")...)
}

func (d *story) prepare(ctx context.Context) error {
	if err := os.CopyFS(d.path("source"), os.DirFS(d.tree)); err != nil {
		return fmt.Errorf("copying %s: %w", d.tree, err)
	}
	// CopyFS keeps neither times nor modes: what is compared in the end is this copy's twin.
	if err := copyTimes(d.tree, d.path("source")); err != nil {
		return err
	}
	t, err := compareSizes(d.path("source"))
	if err != nil {
		return err
	}
	d.step("a copy of %s is the partner's folder: %d files, %d folders, %s", d.tree, t.files, t.folders, cli.FormatBytes(uint64(t.bytes)))
	return nil
}

func (d *story) startBox(ctx context.Context) error {
	d.box = &box{
		progs: d.progs, state: d.path("box"), log: d.path("box.log"),
		args: []string{"-listen", "/ip4/127.0.0.1/tcp/0", "-mdns=off", "-dht=off"},
	}
	l, err := d.box.personalise(ctx, d.path("label.png"))
	if err != nil {
		return err
	}
	if err := d.box.start(ctx); err != nil {
		return err
	}
	if d.id, err = d.box.ask(ctx); err != nil {
		return err
	}
	// From now on at the same port, so that it is found again after the power cut.
	if err := d.box.stop(); err != nil {
		return err
	}
	addr := d.id.Addrs[0][:strings.Index(d.id.Addrs[0], "/p2p/")]
	d.box.args[1] = addr
	if err := d.box.start(ctx); err != nil {
		return err
	}
	if d.id, err = d.box.ask(ctx); err != nil {
		return err
	}
	d.step("a box runs: %s", d.id.Addrs[0])
	if err := d.coboxctl(ctx, nil, l.Code, "pair", "-addr", d.id.Addrs[0]); err != nil {
		return err
	}
	d.step("its operator has typed the code on the label, and owns it")
	return nil
}

func (d *story) becomePartner(ctx context.Context) error {
	var me struct{ Phrase, Partner string }
	if err := d.cobox(ctx, "laptop", &me, "", "init", "-yes"); err != nil {
		return err
	}
	d.phrase, d.partner = me.Phrase, me.Partner
	var inv struct{ Invite string }
	if err := d.coboxctl(ctx, &inv, "", "invite", "-partner", "Demo", "-quota", "2GB"); err != nil {
		return err
	}
	if err := d.cobox(ctx, "laptop", nil, inv.Invite, "accept", "-addr", d.id.Addrs[0]); err != nil {
		return err
	}
	d.step("the partner has a recovery phrase of %d words, and has used the operator's invite: room for 2 GB", len(strings.Fields(me.Phrase)))
	if err := d.cobox(ctx, "laptop", nil, "", "space", "create", "sources", d.path("source")); err != nil {
		return err
	}
	return d.cobox(ctx, "laptop", nil, "", "pin", "sources", d.id.Addrs[0])
}

// backup is what cobox backup -json prints that we show.
type backup struct {
	Snapshot uint64 `json:"snapshot"`
	Files    uint64 `json:"files"`
	Read     uint64 `json:"readBytes"`
	Blocks   uint64 `json:"blocks"`
	Stored   uint64 `json:"storedBytes"`
	Sent     uint64 `json:"sentBytes"`
}

// backUp backs the folder up, and kills the box in the middle.
func (d *story) backUp(ctx context.Context) error {
	began := time.Now()
	done := make(chan error, 1)
	var b backup
	go func() { done <- d.cobox(ctx, "laptop", &b, "", "backup", "sources") }()

	killed := false
	for !killed {
		select {
		case err := <-done:
			if err != nil {
				return err
			}
			return errors.New("the backup was over before the box could be killed: use a larger -tree")
		case <-time.After(20 * time.Millisecond):
		}
		st, err := d.box.ask(ctx)
		if err != nil {
			return err
		}
		if st.Store.Blocks < 4 {
			continue
		}
		if err := d.box.kill(); err != nil {
			return err
		}
		killed = true
		d.step("the box is killed (kill -9) after %d blocks, in the middle of the backup, and started again", st.Store.Blocks)
		if err := d.box.start(ctx); err != nil {
			return err
		}
		again, err := d.box.ask(ctx)
		if err != nil {
			return err
		}
		d.fact("%d blocks were acknowledged before, %d are there now", st.Store.Blocks, again.Store.Blocks)
		if again.Store.Blocks < st.Store.Blocks {
			return errors.New("the box lost blocks that it had acknowledged")
		}
	}
	if err := <-done; err != nil {
		return err
	}
	took := time.Since(began)
	d.step("backed up: %d files, %s read, %d blocks of %s in all, %s/s", b.Files, cli.FormatBytes(b.Read), b.Blocks,
		cli.FormatBytes(b.Stored), cli.FormatBytes(uint64(float64(b.Read)/took.Seconds())))
	// What the kill lost was under way, or had arrived and was not synced: a window
	// of requests (1 MiB on a fast line) and a group of writes.
	if b.Sent > b.Stored*101/100+4<<20 {
		return fmt.Errorf("%d bytes were sent for %d stored: something went twice", b.Sent, b.Stored)
	}
	return nil
}

func (d *story) backUpAgain(ctx context.Context) error {
	began := time.Now()
	var b backup
	if err := d.cobox(ctx, "laptop", &b, "", "backup", "sources"); err != nil {
		return err
	}
	d.step("backed up again, unchanged: %s read, %d block of %s appended, in %.1f s", cli.FormatBytes(b.Read), b.Blocks,
		cli.FormatBytes(b.Stored), time.Since(began).Seconds())
	if b.Read != 0 || b.Blocks != 1 {
		return errors.New("an unchanged folder was read again, or took more than one block")
	}
	return nil
}

// searchBox looks for what the box must not know.
func (d *story) searchBox(ctx context.Context) error {
	n, err := collect(d.path("source"))
	if err != nil {
		return err
	}
	// The search must be able to find something: it is tried on the source first.
	if found, _, err := n.find(d.path("source"), 5); err != nil || len(found) < 5 {
		return fmt.Errorf("the search does not even find the names in the source itself: %d found, %w", len(found), err)
	}
	found, searched, err := n.find(d.box.state, 5)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("the box's state holds plaintext: %q", found)
	}
	d.step("searched the box's state folder, %s, for %d file names and pieces of text: none found", cli.FormatBytes(uint64(searched)), n.count)
	return nil
}

func (d *story) lose(context.Context) error {
	for _, name := range []string{"laptop", "source"} {
		if err := os.RemoveAll(d.path(name)); err != nil {
			return err
		}
	}
	d.step("the partner's computer is lost: source, keys and all; what is left is the phrase on paper")
	return nil
}

func (d *story) recover(ctx context.Context) error {
	began := time.Now()
	if err := d.cobox(ctx, "other", nil, d.phrase+"\n", "recover", d.id.Addrs[0]); err != nil {
		return err
	}
	d.step("another machine has recovered the space from the phrase and the box")
	var r struct {
		Files uint64 `json:"files"`
		Bytes uint64 `json:"bytes"`
	}
	restoring := time.Now()
	if err := d.cobox(ctx, "other", &r, "", "restore", "-space", "sources", d.path("restored")); err != nil {
		return err
	}
	d.step("restored %d files, %s, %s/s; %.1f s from the phrase to the last file", r.Files, cli.FormatBytes(r.Bytes),
		cli.FormatBytes(uint64(float64(r.Bytes)/time.Since(restoring).Seconds())), time.Since(began).Seconds())
	return nil
}

func (d *story) compare(context.Context) error {
	t, err := compare(d.tree, d.path("restored"))
	if err != nil {
		return fmt.Errorf("what came back differs from what was backed up: %w", err)
	}
	d.step("compared with %s: %d files, %d folders, %d links, %s: equal, byte for byte", d.tree, t.files, t.folders, t.links, cli.FormatBytes(uint64(t.bytes)))
	return nil
}

// copyTimes gives the copy of a tree the modes and times of the original.
func copyTimes(from, to string) error {
	var folders []string
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			folders = append(folders, rel) // last: making entries changes their times
			return nil
		}
		return copyTime(path, filepath.Join(to, rel))
	})
	if err != nil {
		return err
	}
	for i := len(folders) - 1; i >= 0; i-- {
		if err := copyTime(filepath.Join(from, folders[i]), filepath.Join(to, folders[i])); err != nil {
			return err
		}
	}
	return nil
}

func copyTime(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	if err := os.Chmod(to, info.Mode()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// compareSizes counts a tree by comparing it with itself.
func compareSizes(root string) (totals, error) { return oneWay(root, root, false) }
