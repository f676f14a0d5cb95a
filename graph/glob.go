package graph

import (
	"fmt"
	"path"
	"strings"
)

// checkGlob accepts a relative path in which * and ? stand for parts of a name, [a-z] for one of some letters, and ** as a
// whole part for any number of folders.
func checkGlob(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	if strings.ContainsAny(s, "{}") {
		return fmt.Errorf("%s: no braces; several globs are a list", quote(s))
	}
	for part := range strings.SplitSeq(s, "/") {
		if strings.Contains(part, "**") && part != "**" {
			return fmt.Errorf("%s: ** must stand alone between slashes", quote(s))
		}
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("%s: a [ that is not closed", quote(s))
		}
	}
	if strings.HasSuffix(s, "**") {
		return fmt.Errorf("%s: ** stands for folders; the files in them are %s", quote(s), quote(s+"/*"))
	}
	return nil
}

// globsMeet reports whether one path can match both globs. A class such as [a-z] counts as any letter, so that it may say
// yes too often, never too rarely.
func globsMeet(a, b string) bool {
	return partsMeet(strings.Split(a, "/"), strings.Split(b, "/"))
}

func partsMeet(a, b []string) bool {
	return meet(a, b, "**", func(x, y string) bool { return namesMeet(letters(x), letters(y)) })
}

// meet reports whether one sequence can be read as a and as b, where star stands for any number of items and two others go
// together when same says so.
func meet[T comparable](a, b []T, star T, same func(x, y T) bool) bool {
	// row[j]: can the rest of a from i on meet b[j:]; filled from the ends, so that many stars cost no more than their product.
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		row := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == star:
				row[j] = next[j] || (j < len(b) && row[j+1])
			case j < len(b) && b[j] == star:
				row[j] = row[j+1] || (i < len(a) && next[j])
			case i < len(a) && j < len(b):
				row[j] = next[j+1] && same(a[i], b[j])
			}
		}
		next = row
	}
	return next[0]
}

// letters splits a part of a glob into its letters, where a class has become a ?.
func letters(s string) []rune {
	var list []rune
	for inClass, runes := false, []rune(s); len(runes) > 0; runes = runes[1:] {
		switch r := runes[0]; {
		case inClass:
			inClass = r != ']'
		case r == '[':
			inClass = true
			list = append(list, '?')
		default:
			list = append(list, r)
		}
	}
	return list
}

func namesMeet(a, b []rune) bool {
	return meet(a, b, '*', func(x, y rune) bool { return x == y || x == '?' || y == '?' })
}
