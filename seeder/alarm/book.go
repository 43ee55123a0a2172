package alarm

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"cobox/seeder/durable"
)

// A Trouble is something that is wrong with a box.
type Trouble struct {
	ID   string `json:"id"`   // of the box
	Box  string `json:"box"`  // its name for people
	Kind string `json:"kind"` // one word, such as "silent", or the name of a check
	Text string `json:"text"` // what is wrong, and what to do
	// Again is what is said when it is over, such as "it answers again".
	Again string `json:"again"`
}

func (t Trouble) same(o Trouble) bool { return t.ID == o.ID && t.Kind == o.Kind }

// An Event is what is told: that a trouble has begun, or that it is over.
type Event struct {
	Over bool `json:"over"`
	Trouble
	Since time.Time `json:"since"` // when it was first seen
	At    time.Time `json:"at"`
}

// An entry is a trouble that was told and is not over.
type entry struct {
	Trouble
	Since time.Time `json:"since"`
}

// A Book remembers which troubles were told. It is for one goroutine.
type Book struct {
	path string
	told []entry // in the order of telling
}

// maxTold bounds a book: more troubles than that are one, and it was told.
const maxTold = 10_000

// OpenBook opens the book in a file, which need not be there yet.
func OpenBook(path string) (*Book, error) {
	b := &Book{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &b.told)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which troubles were told, in %s: %w (without the file, those that go on are told again)", path, err)
	}
	return b, nil
}

// Compare returns what is to be told of the troubles that there are now. Of boxes
// for which blind is true nobody knows what else is wrong with them: nothing of
// theirs is over.
func (b *Book) Compare(now time.Time, troubles []Trouble, blind func(id string) bool) (events []Event) {
	for _, e := range b.told {
		if !slices.ContainsFunc(troubles, e.same) && !blind(e.ID) {
			events = append(events, Event{Over: true, Trouble: e.Trouble, Since: e.Since, At: now})
		}
	}
	for i, t := range troubles {
		known := slices.ContainsFunc(b.told, func(e entry) bool { return e.same(t) })
		if !known && !slices.ContainsFunc(troubles[:i], t.same) && len(b.told) < maxTold {
			events = append(events, Event{Trouble: t, Since: now, At: now})
		}
	}
	slices.SortStableFunc(events, func(x, y Event) int { return cmp.Compare(x.Box, y.Box) })
	return events
}

// Told notes that an event was told, so that it is not told again.
func (b *Book) Told(e Event) error {
	b.told = slices.DeleteFunc(b.told, func(o entry) bool { return o.same(e.Trouble) })
	if !e.Over {
		b.told = append(b.told, entry{e.Trouble, e.Since})
	}
	text, err := json.MarshalIndent(b.told, "", "  ")
	if err == nil {
		err = durable.WriteFile(b.path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting that a trouble was told: %w", err)
	}
	return nil
}
