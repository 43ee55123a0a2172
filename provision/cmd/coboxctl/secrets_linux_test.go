package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cobox/provision/control"
	"cobox/seeder/api"
	"cobox/seeder/swarm"
)

// A searched is one thing in which no secret may be.
type searched struct {
	name string
	text []byte
}

// Case 64: codes, the private keys of operators and partners, and what partners
// call their things are nowhere on a box: not in its logs, its metrics, its page, its
// state folder, nor in the memory of its running programs, of which a core file
// would be a copy.
func TestCase64NoSecrets(t *testing.T) {
	dir, err := os.MkdirTemp("", "box") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	state := filepath.Join(dir, "state")
	run := func(stdin string, name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "COBOX_HOME="+filepath.Join(dir, "partner"), "COBOXCTL_HOME="+filepath.Join(dir, "operator"))
		cmd.Stdin = strings.NewReader(stdin)
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &errOut)
		}
		return string(out), err
	}
	do := func(stdin string, name string, args ...string) string {
		t.Helper()
		out, err := run(stdin, name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var fields struct{ Code, Invite, Recovery string }
	if err := json.Unmarshal([]byte(do("", "mkimage", "personalise", "-state", state, "-json")), &fields); err != nil {
		t.Fatal(err)
	}
	daemons := map[string]*exec.Cmd{
		"provisiond": exec.Command(filepath.Join(bin, "provisiond"), "-state", state, "-page", "127.0.0.1:0"),
		"seederd": exec.Command(filepath.Join(bin, "seederd"), "-authority", "-state", state, "-debug", "-trace-replication",
			"-listen", "/ip4/127.0.0.1/tcp/0", "-mdns=off", "-dht", "off"),
	}
	for name, cmd := range daemons {
		log, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait() // it was told to end
			_ = log.Close()
		})
	}
	var box api.BoxStatus
	waitFor(t, "the box", func() error {
		out, err := run("", "seederd", "-state", state, "-status", "-json")
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(out), &box); err != nil || len(box.Addrs) == 0 {
			return fmt.Errorf("%s: %w", out, err)
		}
		return nil
	})

	// The way of a box, with a wrong code before the right one.
	addr := box.Addrs[0]
	if !strings.Contains(addr, "/p2p/") {
		addr += "/p2p/" + box.ID
	}
	if err := os.MkdirAll(filepath.Join(dir, "docs"), 0o700); err != nil {
		t.Fatal(err)
	}
	const words, file = "Protokoll der Vorstandssitzung", "vorstand-2026.txt"
	if err := os.WriteFile(filepath.Join(dir, "docs", file), bytes.Repeat([]byte(words+"\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	const wrong = "04HM-ASW9-NF6Y-Y093-8NV8" // the one in LABEL.md
	waitFor(t, "a wrong code", func() error {
		if _, err := run(wrong+"\n", "coboxctl", "pair", "-addr", addr); err == nil || !strings.Contains(err.Error(), "denied") {
			return fmt.Errorf("not denied: %w", err)
		}
		return nil
	})
	label := fields.Code
	do(label+"\n", "coboxctl", "pair", "-as", "Ada Lovelace", "-addr", addr)
	if err := json.Unmarshal([]byte(do("", "coboxctl", "recovery", "-json")), &fields); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(do("", "coboxctl", "invite", "-partner", "Nordend Food Coop", "-quota", "10MB", "-json")), &fields); err != nil {
		t.Fatal(err)
	}
	phrase := do("", "cobox", "init", "-yes")
	do(fields.Invite+"\n", "cobox", "accept", "-addr", addr)
	do("", "cobox", "space", "create", "jahresabschluss", "docs")
	do("", "cobox", "pin", "jahresabschluss", addr)
	do("", "cobox", "backup", "jahresabschluss")

	secrets := map[string][]byte{
		"an operator's name": []byte("Ada Lovelace"), "a partner's name": []byte("Nordend Food Coop"), "a space's name": []byte("jahresabschluss"),
		"a file's name": []byte(file), "a file's words": []byte(words),
	}
	for what, code := range map[string]string{"the label's code": label, "a wrong code": wrong, "the recovery code": fields.Recovery, "the invite's code": fields.Invite} {
		bare := strings.ReplaceAll(strings.TrimPrefix(code, "COBOX1I:"), "-", "")
		if len(bare) > 20 {
			bare = bare[:20] // after it comes the box key, which is no secret
		}
		if len(bare) != 20 {
			t.Fatalf("%s is %q", what, code)
		}
		secrets[what] = []byte(bare)
		secrets[what+", in groups"] = []byte(bare[:4] + "-" + bare[4:8] + "-" + bare[8:12])
	}
	if f := strings.Fields(phrase); len(f) < 12 {
		t.Fatalf("the recovery phrase is %d words", len(f))
	}
	for what, name := range map[string]string{"the operator's key": "operator/operator.key", "the partner's secret": "partner/secret.key", "the device's key": "partner/device.key"} {
		key, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(key) != 32 {
			t.Fatalf("%s: %d bytes, %v", name, len(key), err)
		}
		secrets[what] = key
		secrets[what+" in hex"] = hex.AppendEncode(nil, key)
		secrets[what+" in base64"] = base64.StdEncoding.AppendEncode(nil, key)[:40]
	}

	checkCard(t, state)
	all := append(gather(t, dir, state), asked(t, filepath.Join(dir, "operator", "operator.key"), addr)...)
	boxKey, err := os.ReadFile(filepath.Join(state, "box.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, cmd := range daemons {
		memory := memoryOf(t, cmd.Process.Pid)
		if memory == nil {
			t.Logf("the memory of %s cannot be read: it makes no core files", name)
			continue
		}
		if !bytes.Contains(memory, boxKey) {
			t.Errorf("the box key is not found in the memory of %s: it is not well searched", name)
		}
		all = append(all, searched{"the memory of " + name, memory})
	}
	for _, s := range all {
		for what, secret := range secrets {
			if i := bytes.Index(s.text, secret); i >= 0 {
				t.Errorf("%s is in %s, after %q", what, s.name, s.text[max(0, i-40):i])
			}
		}
		if s.name != "box.key" && !strings.HasPrefix(s.name, "the memory") && (bytes.Contains(s.text, boxKey) || bytes.Contains(s.text, hex.AppendEncode(nil, boxKey))) {
			t.Errorf("the box key is in %s", s.name)
		}
	}
}

// cardRow is a row of the table of files in THREATS.md.
var cardRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// checkCard looks that THREATS.md lists all files of a state folder, and nothing else.
func checkCard(t *testing.T, state string) {
	t.Helper()
	text, err := os.ReadFile("../../../seeder/THREATS.md")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, row := range cardRow.FindAllStringSubmatch(string(text), -1) {
		patterns = append(patterns, row[1])
	}
	err = fs.WalkDir(os.DirFS(state), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		known := slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, name)
			return ok
		})
		if !known {
			t.Errorf("%s is on a card, and not in the list of THREATS.md", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// gather returns the logs, all files of the state folder, the page and the metrics.
func gather(t *testing.T, dir, state string) (all []searched) {
	t.Helper()
	add := func(name, path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, searched{name, text})
	}
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			add(strings.TrimPrefix(path, state+"/"), path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the store has tidied up
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%d files in the state folder", len(all))
	}
	add("the log of seederd", filepath.Join(dir, "seederd.log"))
	add("the log of provisiond", filepath.Join(dir, "provisiond.log"))

	page := regexp.MustCompile(`msg="status page" addr=(\S+)`).FindSubmatch(all[len(all)-1].text)
	if page == nil {
		t.Fatalf("provisiond does not say where its page is:\n%s", all[len(all)-1].text)
	}
	resp, err := http.Get("http://" + string(page[1]) + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(text, []byte("All checks")) {
		t.Fatalf("the page: %v, %s", err, text)
	}
	return append(all, searched{"the page", text})
}

// asked returns what the box tells an operator: its metrics and its log of orders.
func asked(t *testing.T, keyFile, addr string) []searched {
	t.Helper()
	seed, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	h, err := swarm.New(swarm.Config{Key: ed25519.NewKeyFromSeed(seed)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	peer, err := h.Connect(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: h.Dialer(peer, control.Protocol)}
	defer tr.CloseIdleConnections()
	c := &control.Client{HTTP: &http.Client{Transport: tr}}
	var metrics, log bytes.Buffer
	if err := errors.Join(c.Metrics(t.Context(), &metrics), c.Log(t.Context(), &log)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(metrics.String(), "cobox_") || !strings.Contains(log.String(), "cobox/order-invite/v1") {
		t.Fatalf("the box tells\n%s\nand\n%s", &metrics, &log)
	}
	return []searched{{"the metrics", metrics.Bytes()}, {"the log of orders", log.Bytes()}}
}

// memoryOf returns all that a process may write to in its memory; nil when it does
// not let itself be read.
func memoryOf(t *testing.T, pid int) (all []byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		from, to, _ := strings.Cut(f[0], "-")
		begin, err := strconv.ParseInt(from, 16, 64)
		end, err2 := strconv.ParseInt(to, 16, 64)
		if err != nil || err2 != nil || !strings.HasPrefix(f[1], "rw") {
			continue // above what a file can be read at, or never written
		}
		part := make([]byte, end-begin)
		n, _ := mem.ReadAt(part, begin) // pages that are not there end it
		all = append(all, part[:n]...)
	}
	return all
}

// waitFor tries until it works: a process that starts tells nobody.
func waitFor(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}
