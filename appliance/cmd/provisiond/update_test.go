package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/appliance/release"
	"cobox/appliance/update"
	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/pairing"
	"cobox/seeder/api"

	"golang.org/x/mod/sumdb/note"
)

// fileSlots are two slots of which the other one is a file.
type fileSlots struct {
	other     string
	armed     bool
	restarted chan struct{}
}

func (s *fileSlots) Write(_ context.Context, root io.Reader) error {
	f, err := os.Create(s.other)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, root)
	return errors.Join(err, f.Close())
}

func (s *fileSlots) Sum(_ context.Context, size int64) (sum [sha256.Size]byte, err error) {
	b, err := os.ReadFile(s.other)
	if err == nil && int64(len(b)) != size {
		err = io.ErrUnexpectedEOF
	}
	return sha256.Sum256(b), err
}

func (s *fileSlots) Arm(context.Context) error    { s.armed = true; return nil }
func (s *fileSlots) Commit(context.Context) error { return nil }
func (s *fileSlots) Restart(context.Context) error {
	close(s.restarted)
	return nil
}

// maker makes releases.
type maker struct {
	signers []note.Signer
	keys    release.Keys
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	m := &maker{}
	var public string
	for _, name := range []string{"one", "two", "three"} {
		secret, verifier, err := note.GenerateKey(rand.Reader, name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := note.NewSigner(secret)
		if err != nil {
			t.Fatal(err)
		}
		m.signers = append(m.signers, s)
		public += verifier + "\n"
	}
	var err error
	if m.keys, err = release.ParseKeys([]byte(public)); err != nil {
		t.Fatal(err)
	}
	return m
}

func systemOf(version uint64) release.System {
	return release.System{Product: release.Product, Board: "arm64", Version: version, Name: "test"}
}

// make makes a release file, signed by so many of the keys.
func (m *maker) make(t *testing.T, s release.System, root []byte, signers int) (release.Manifest, []byte) {
	t.Helper()
	man := release.Manifest{System: s, Root: release.File{Sum: sha256.Sum256(root), Size: int64(len(root))}}
	signed, err := release.Sign(man, m.signers[:signers]...)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := release.Write(&file, signed, bytes.NewReader(root)); err != nil {
		t.Fatal(err)
	}
	return man, file.Bytes()
}

// TestCase56Update: an operator updates a box over the network. What is not to run is refused; then a good release.
func TestCase56Update(t *testing.T) {
	state, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	m := newMaker(t)
	slots := &fileSlots{other: filepath.Join(t.TempDir(), "other"), restarted: make(chan struct{})}
	b := startBoxWith(t, provision.Config{State: state, Updates: &provision.Updates{
		Box: update.NewBox(state, slots, systemOf(5), false, nil), Keys: m.keys, Before: update.NewChecker(state).Condition,
	}})
	owner := newPerson(t, 2)
	eventually(t, "pairing", func() error { return owner.use(t, b, b.code.Claim(), pairing.Operator, owner.key) })
	eventually(t, "the owner asks", func() error {
		_, err := owner.control(t, b).State(t.Context())
		return err
	})
	ctl := owner.control(t, b)
	root := make([]byte, 3<<20)
	if _, err := rand.Read(root); err != nil {
		t.Fatal(err)
	}
	good, file := m.make(t, systemOf(6), root, 2)
	wrongBoard := systemOf(6)
	wrongBoard.Board = "rpi"
	one, oneFile := m.make(t, systemOf(6), root[:100], 1)
	other, otherFile := m.make(t, wrongBoard, root[:100], 2)
	old, oldFile := m.make(t, systemOf(5), root[:100], 2)
	changed := bytes.Clone(file)
	changed[len(changed)-5] ^= 1

	for _, tc := range []struct {
		name string
		man  release.Manifest
		file []byte
		code api.Code
	}{
		{"with one signature", one, oneFile, api.Unauthorised},
		{"for another board", other, otherFile, api.BadRequest},
		{"that is not newer", old, oldFile, api.BadRequest},
		{"that is none", good, []byte("squashfs"), api.BadRequest},
		{"cut off", good, file[:len(file)-1], api.BadRequest},
		{"with a bit changed", good, changed, api.BadRequest},
	} {
		if err := owner.order(t, b, chain.Update{Release: tc.man.ID()}); err != nil {
			t.Fatal(err)
		}
		err := ctl.Release(t.Context(), bytes.NewReader(tc.file), int64(len(tc.file)))
		if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != tc.code {
			t.Errorf("a release %s: %v, want %s", tc.name, err, tc.code)
		}
		// A hash is known only when all has come.
		if _, err := os.Stat(slots.other); err == nil && tc.name != "with a bit changed" {
			t.Errorf("a release %s was written into the other slot", tc.name)
		}
	}
	// Ordered is another one.
	err = ctl.Release(t.Context(), bytes.NewReader(oldFile), int64(len(oldFile)))
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Text != "no operator has ordered this release" {
		t.Errorf("a release that was not ordered: %v", err)
	}
	// Cut off in the middle: whoever sends it goes away.
	if err := owner.order(t, b, chain.Update{Release: good.ID()}); err != nil {
		t.Fatal(err)
	}
	if err := ctl.Release(t.Context(), io.MultiReader(bytes.NewReader(file[:1<<20]), broken{}), int64(len(file))); err == nil {
		t.Error("half a release was taken")
	}
	eventually(t, "the box notices", func() error {
		s, err := ctl.System(t.Context())
		if err == nil && s.Update.State != string(update.Stopped) {
			err = errors.New(s.Update.State)
		}
		return err
	})
	if slots.armed {
		t.Error("something of all that would be started")
	}

	signed := file[bytes.IndexByte(file, '\n')+1:][:len(file)-len(root)-bytes.IndexByte(file, '\n')-1]
	if err := ctl.Offer(t.Context(), signed); err != nil {
		t.Errorf("the box would not take the release: %v", err)
	}
	if err := ctl.Release(t.Context(), bytes.NewReader(file), int64(len(file))); err != nil {
		t.Fatalf("the release: %v", err)
	}
	select {
	case <-slots.restarted:
	case <-time.After(30 * time.Second):
		t.Fatal("the machine is not started again")
	}
	got, err := os.ReadFile(slots.other)
	if err != nil || !bytes.Equal(got, root) || !slots.armed {
		t.Errorf("the other slot has %d bytes, armed %v, %v", len(got), slots.armed, err)
	}
	s, err := ctl.System(t.Context())
	if err != nil || s.Version != 5 || s.Update.State != control.Armed || s.Update.Version != 6 {
		t.Errorf("system %+v, %v", s, err)
	}
	r, err := update.Read(state)
	if err != nil || !r.Before.Store || !r.Before.Operator {
		t.Errorf("record %+v, %v", r, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the cable was pulled") }

// On a computer that is no appliance there is nothing to update.
func TestNoAppliance(t *testing.T) {
	b := startBox(t)
	owner := newPerson(t, 2)
	eventually(t, "pairing", func() error { return owner.use(t, b, b.code.Claim(), pairing.Operator, owner.key) })
	eventually(t, "the owner asks", func() error {
		_, err := owner.control(t, b).System(t.Context())
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == control.NoAppliance {
			return nil
		}
		return errors.Join(errors.New("no such answer"), err)
	})
}

// An image without release keys is a normal one: it says what to do about it, in a line
// that calls nobody, and takes no release. Keys that cannot be read are another matter.
func TestNoReleaseKeys(t *testing.T) {
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	keys, err := readKeys(filepath.Join(t.TempDir(), "release-keys"), log)
	if err != nil || !strings.Contains(text.String(), "level=INFO") || !strings.Contains(text.String(), "mkimage build -keys") {
		t.Errorf("readKeys = %v; it says %q", err, text.String())
	}
	_, err = keys.Open([]byte("a release"))
	if !errors.Is(err, release.ErrNoKeys) || !errors.Is(err, release.ErrUnsigned) {
		t.Errorf("Open = %v, want ErrNoKeys", err)
	}
	text.Reset()
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bad, t.TempDir()} {
		if _, err := readKeys(path, log); err == nil {
			t.Errorf("readKeys took %s", path)
		}
	}
	if text.Len() > 0 {
		t.Errorf("what cannot be read is both returned and logged: %s", text.String())
	}
}
