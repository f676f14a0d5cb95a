package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// What all pages keep to, whatever they are about.

// pages are README.md and what lies under docs, by name, with the lines of code blocks emptied.
func pages(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	all := map[string][]string{}
	for _, file := range append(files, "../README.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := strings.Split(string(text), "\n")
		code := false
		for i, line := range lines {
			isFence := strings.HasPrefix(line, "```")
			if code = code != isFence; code || isFence || strings.HasPrefix(line, "    ") {
				lines[i] = ""
			}
		}
		all[file] = lines
	}
	require.Greater(t, len(all), 8)
	return all
}

var heading = regexp.MustCompile(`^(#+) (.*)$`)

// anchors are the names by which links find the headings of a page.
func anchors(page []string) map[string]bool {
	found := map[string]bool{}
	for _, line := range page {
		if m := heading.FindStringSubmatch(line); m != nil {
			found[anchor(m[2])] = true
		}
	}
	return found
}

func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks follows every link of a page to a file of the repository or to a heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	followed := 0
	for name, lines := range all {
		for i, line := range lines {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				file, at, _ := strings.Cut(m[1], "#")
				if strings.Contains(file, "://") {
					continue
				}
				to := name
				if file != "" {
					to = filepath.Join(filepath.Dir(name), file)
				}
				if _, err := os.Stat(to); err != nil {
					t.Errorf("%s:%d: %v", name, i+1, err)
				}
				if at != "" && !anchors(all[to])[at] {
					t.Errorf("%s:%d: %s has no heading %s", name, i+1, to, at)
				}
				followed++
			}
		}
	}
	require.Greater(t, followed, 100)
}

// TestTables holds every table to a head and a rule under it: a row that stands alone is shown as a text with bars.
func TestTables(t *testing.T) {
	rule := regexp.MustCompile(`^\|(\s*:?-+:?\s*\|)+$`)
	tables := 0
	for name, lines := range pages(t) {
		for i, line := range lines {
			if strings.HasPrefix(line, "|") && (i == 0 || !strings.HasPrefix(lines[i-1], "|")) {
				tables++
				if i+1 == len(lines) || !rule.MatchString(lines[i+1]) {
					t.Errorf("%s:%d: a table without a head", name, i+1)
				}
			}
		}
	}
	require.Greater(t, tables, 20)
}

// TestReasonsAreListed holds the list at the beginning of docs/RATIONALE.md against the questions below it.
func TestReasonsAreListed(t *testing.T) {
	var want, got []string
	for _, line := range pages(t)["../docs/RATIONALE.md"] {
		switch m := heading.FindStringSubmatch(line); {
		case m != nil && m[1] == "##":
			want = append(want, fmt.Sprintf("**[%s](#%s)**", m[2], anchor(m[2])))
		case m != nil && m[1] == "###":
			want = append(want, fmt.Sprintf("- [%s](#%s)", m[2], anchor(m[2])))
		case len(want) == 0 && link.MatchString(line):
			got = append(got, line)
		}
	}
	require.Greater(t, len(want), 100)
	for i, line := range want {
		if i == len(got) || got[i] != line {
			t.Fatalf("the list at the top of docs/RATIONALE.md lacks this line, at this place:\n%s", line)
		}
	}
	require.Len(t, got, len(want), "the list at the top of docs/RATIONALE.md has more than there are questions")
}
