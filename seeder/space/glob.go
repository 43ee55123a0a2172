package space

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// globs select entries of a snapshot. A pattern without a slash matches names in
// any folder; one with a slash matches paths from the root. "**" stands for any
// number of folders, the rest is as in [path.Match]. What is below a folder that
// matches is selected too. No patterns select all.
type globs [][]string

func parseGlobs(patterns []string) (globs, error) {
	var g globs
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p, err)
		}
		parts := strings.Split(strings.Trim(p, "/"), "/")
		if !strings.Contains(p, "/") {
			parts = append([]string{"**"}, parts...)
		}
		if p == "" || slices.Contains(parts, "") {
			return nil, fmt.Errorf("pattern %q has an empty name", p)
		}
		g = append(g, slices.CompactFunc(parts, func(a, b string) bool { return a == "**" && b == "**" }))
	}
	return g, nil
}

// match reports whether a path is selected or, for a folder, whether something below it may be.
func (g globs) match(name string) (selected, below bool) {
	if len(g) == 0 {
		return true, true
	}
	var names []string
	if name != "." {
		names = strings.Split(name, "/")
	}
	for _, pattern := range g {
		s, b := matchParts(pattern, names)
		selected, below = selected || s, below || b
	}
	return selected, below || selected
}

func matchParts(pattern, names []string) (selected, below bool) {
	switch {
	case len(pattern) == 0:
		return true, true
	case len(names) == 0:
		return false, true
	case pattern[0] == "**":
		if selected, _ = matchParts(pattern[1:], names); !selected {
			selected, _ = matchParts(pattern, names[1:])
		}
		return selected, true
	}
	if ok, err := path.Match(pattern[0], names[0]); !ok || err != nil {
		return false, false
	}
	return matchParts(pattern[1:], names[1:])
}
