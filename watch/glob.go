package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sys/unix"
)

const (
	defaultMaxFiles = 10_000
	maxDepth        = 16
	maxPattern      = 512
	// maxAlternatives bounds the plain patterns that the braces of one pattern stand for, since each is tried on each file.
	maxAlternatives = 64
	// visitsPerFile bounds how much a walk looks at for each file that it may return.
	visitsPerFile = 10
)

// CheckPattern accepts a glob over relative paths with slashes: `*`, `?`, `[a-z]`, `{a,b}` and `**` for any
// number of folders. The error is a *RefusedError with Reason BadName.
func CheckPattern(pattern string) error {
	refuse := func(format string, args ...any) error {
		return &RefusedError{pattern, BadName, fmt.Sprintf(format, args...)}
	}
	switch {
	case pattern == "":
		return refuse("the pattern is empty")
	case len(pattern) > maxPattern:
		return refuse("a pattern of %d bytes, at most %d", len(pattern), maxPattern)
	case pattern[0] == '/':
		return refuse("the pattern must be relative")
	case slices.Contains(strings.Split(pattern, "/"), ".."):
		return refuse("%q is not allowed in a pattern", "..")
	case !doublestar.ValidatePattern(pattern):
		return refuse("not a valid pattern")
	case alternatives(pattern) > maxAlternatives:
		return refuse("its braces stand for more than %d patterns", maxAlternatives)
	}
	return nil
}

// alternatives is at least the number of plain patterns that the braces stand for: nested and escaped ones
// are counted as if they stood side by side.
func alternatives(pattern string) int {
	total, open := 1, []int{}
	for _, r := range pattern {
		switch r {
		case '{':
			open = append(open, 1)
		case ',':
			if len(open) > 0 {
				open[len(open)-1]++
			}
		case '}':
			if len(open) > 0 {
				total *= open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
		if total > maxAlternatives {
			break
		}
	}
	return total
}

// Match reports whether a relative path matches a pattern that CheckPattern accepts. Ignored paths match nothing.
func Match(pattern, rel string) bool {
	return !Ignored(rel) && doublestar.MatchUnvalidated(pattern, rel)
}

// Glob returns the regular files below the folder that match, sorted, as relative paths with slashes. Links
// are not followed; ignored names, names that CheckPath refuses and folders that cannot be read are left out. More
// than limit matches (0: 10,000), or a folder too large to look through for so few, is a *LimitError: a list that
// silently lacks files would be worse. Folders deeper than 16 are not looked into.
func (d *Dir) Glob(pattern string, limit int) ([]string, error) {
	if err := CheckPattern(pattern); err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = defaultMaxFiles
	}
	base, _ := doublestar.SplitPattern(pattern)
	if base != "." && (CheckPath(base) != nil || Ignored(base)) {
		return nil, nil // no file that may be returned lies there
	}
	var found []string
	visits := 0
	visit := func(rel string, st *unix.Stat_t) (bool, error) {
		if visits++; visits > max(limit, defaultMaxFiles)*visitsPerFile {
			return false, &LimitError{"entries to look through", max(limit, defaultMaxFiles) * visitsPerFile, pattern}
		}
		if Ignored(rel) || CheckPath(rel) != nil {
			return false, nil
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			return strings.Count(rel, "/") < maxDepth, nil
		case unix.S_IFREG:
			if doublestar.MatchUnvalidated(pattern, rel) {
				found = append(found, rel)
			}
		}
		if len(found) > limit {
			return false, &LimitError{"files", limit, pattern}
		}
		return false, nil
	}
	err := d.walk(base, visit, func(string, error) {})
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	return found, nil
}

// Refused finds what a pattern matches and is no regular file, as links, the first ones only. A link in the place of the folder with which
// the pattern begins is one.
func (d *Dir) Refused(pattern string, most int) (list []*RefusedError) {
	base, _ := doublestar.SplitPattern(pattern)
	if CheckPattern(pattern) != nil || base != "." && CheckPath(base) != nil {
		return nil
	}
	fd, err := d.openat(base, unix.O_RDONLY|unix.O_DIRECTORY)
	var refused *RefusedError
	switch {
	case err == nil:
		unix.Close(fd)
	case errors.As(d.openError(base, err), &refused):
		return []*RefusedError{refused}
	}
	visits := 0
	_ = d.walk(base, func(rel string, st *unix.Stat_t) (bool, error) {
		if visits++; visits > defaultMaxFiles*visitsPerFile || len(list) == most {
			return false, &LimitError{"entries to look through", defaultMaxFiles * visitsPerFile, pattern}
		}
		if Ignored(rel) || CheckPath(rel) != nil {
			return false, nil
		}
		if refused := refuseKind(rel, st.Mode); refused != nil && doublestar.MatchUnvalidated(pattern, rel) {
			list = append(list, refused)
		}
		return strings.Count(rel, "/") < maxDepth, nil
	}, func(string, error) {})
	return list
}
