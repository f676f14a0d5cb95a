package watch

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxName       = 255 // bytes of one name: what Linux file systems hold
	maxPath       = 1024
	maxComponents = 32
)

// CheckPath accepts a relative path with slashes whose names are safe to print, to store and to
// compare: no way up, no absolute path, no control or invisible characters, valid UTF-8, and composed (NFC),
// so that two names that look alike are alike. The error is a *RefusedError with Reason BadName.
//
// Spaces and letters of any script pass: people drop photographs, not only identifiers.
func CheckPath(rel string) error {
	refuse := func(format string, args ...any) error {
		return &RefusedError{rel, BadName, fmt.Sprintf(format, args...)}
	}
	switch {
	case rel == "":
		return refuse("the path is empty")
	case rel[0] == '/':
		return refuse("the path must be relative")
	case len(rel) > maxPath:
		return refuse("%d bytes, at most %d", len(rel), maxPath)
	}
	n := 0
	for name := range strings.SplitSeq(rel, "/") {
		if why := nameFault(name); why != "" {
			return refuse("%s", why)
		}
		if n++; n > maxComponents {
			return refuse("more than %d folders deep", maxComponents-1)
		}
	}
	return nil
}

// nameFault says what is wrong with one component of a path, or "".
func nameFault(name string) string {
	switch {
	case name == "":
		return "an empty name between slashes"
	case name == "." || name == "..":
		return fmt.Sprintf("%q is not allowed in a path", name)
	case len(name) > maxName:
		return fmt.Sprintf("a name of %d bytes, at most %d", len(name), maxName)
	case !utf8.ValidString(name):
		return "not valid UTF-8"
	}
	for _, r := range name {
		if r == '\\' {
			return "a backslash" // an escape in patterns and a separator elsewhere
		}
		// IsGraphic leaves out controls, line separators and every format character (direction overrides, zero width).
		if !unicode.IsGraphic(r) {
			return fmt.Sprintf("the character %U", r)
		}
	}
	if !norm.NFC.IsNormalString(name) {
		return "accents written as separate characters (rename it in the composed form, NFC)"
	}
	return ""
}

// Ignored reports whether a path is one that levee does not look at: hidden files and folders, and what
// editors and copy programs leave lying about while they work.
func Ignored(rel string) bool {
	for name := range strings.SplitSeq(rel, "/") {
		if ignoredName(name) {
			return true
		}
	}
	return false
}

func ignoredName(name string) bool {
	if name == "" || name[0] == '.' || name[len(name)-1] == '~' {
		return true
	}
	if name[0] == '#' && name[len(name)-1] == '#' { // emacs
		return true
	}
	if name == "4913" { // vim tries with this name whether it may write in a folder
		return true
	}
	for _, suffix := range []string{".tmp", ".swp", ".swx", ".part", ".crdownload"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
