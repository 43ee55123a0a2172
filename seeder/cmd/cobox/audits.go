package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

const auditsDir = "audits"

// An auditRecord is what this computer remembers of the audits of a box for a
// space.
type auditRecord struct {
	audit.Record
	// Drill is the last drill that the box passed, and nil before.
	Drill *drillResult `json:"drill,omitempty"`
}

// tolerance is how long a box of the space may be silent.
func (sp *spaceFile) tolerance() time.Duration {
	if sp.Days == 0 {
		return audit.Tolerance
	}
	return time.Duration(sp.Days) * 24 * time.Hour
}

func (h *home) auditsPath(space, box string) string {
	return filepath.Join(h.dir, auditsDir, space+"-"+boxFileName(box)+".json")
}

// boxFileName returns the box ID that ends a box's name.
func boxFileName(name string) string {
	return name[strings.LastIndexByte(name, '/')+1:]
}

// boxNamed reports whether a box's name, an ID or an address, is that of a box.
func boxNamed(name string, box identity.BoxKey) bool {
	return boxFileName(name) == box.PeerID().String()
}

func (h *home) readAudits(space, box string) (*auditRecord, error) {
	r := new(auditRecord)
	text, err := os.ReadFile(h.auditsPath(space, box))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audits of box %s: %w", box, err)
	}
	return r, nil
}

func (h *home) writeAudits(space, box string, r *auditRecord) error {
	if err := durable.Mkdir(filepath.Join(h.dir, auditsDir), 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = durable.WriteFile(h.auditsPath(space, box), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the audits of box %s: %w", box, err)
	}
	return nil
}

// receiptsOf returns the receipts of one box, as the partner calls it, that are kept
// here for some feeds.
func (h *home) receiptsOf(box string, keys []feed.Key) (map[feed.Key]receiptOf, error) {
	of := make(map[feed.Key]receiptOf)
	for _, key := range keys {
		list, err := h.readReceipts(key)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if boxNamed(box, r.Box) {
				of[key] = r
			}
		}
	}
	return of, nil
}

// readReceipts returns the receipts for a feed that are kept here, of all boxes.
func (h *home) readReceipts(key feed.Key) ([]receiptOf, error) {
	paths, err := filepath.Glob(filepath.Join(h.dir, receiptsDir, "*-"+receiptName(key)))
	if err != nil {
		return nil, err
	}
	var list []receiptOf
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the receipts: %w", err)
		}
		st, err := identity.ParseStatement(text)
		var r identity.Receipt
		if err == nil {
			r, err = identity.OpenReceipt(st, identity.BoxKey(st.Signer))
		}
		if err != nil {
			return nil, fmt.Errorf("reading the receipt %s: %w", path, err)
		}
		if r.Feed == key {
			list = append(list, receiptOf{r, st})
		}
	}
	return list, nil
}
