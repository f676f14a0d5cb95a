package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestGlob(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		at := func(name string) string { return filepath.Join(root, name) }
		for _, name := range []string{"b.csv", "a.csv", "in/c.csv", "in/deep/d.csv", "in/deep/e.tsv", ".git/f.csv", "in/.g.csv", "in/h.csv~", "bad\nname.csv"} {
			write(t, at(name), "x")
		}
		require.NoError(t, os.Symlink("b.csv", at("link.csv")))
		require.NoError(t, os.Symlink("in", at("linked")))
		require.NoError(t, unix.Mkfifo(at("fifo.csv"), 0o644))

		for pattern, want := range map[string][]string{
			"*.csv":             {"a.csv", "b.csv"},
			"**/*.csv":          {"a.csv", "b.csv", "in/c.csv", "in/deep/d.csv"},
			"in/**/*.{csv,tsv}": {"in/c.csv", "in/deep/d.csv", "in/deep/e.tsv"},
			"in/**":             {"in/c.csv", "in/deep/d.csv", "in/deep/e.tsv"},
			"in/deep/[de].*":    {"in/deep/d.csv", "in/deep/e.tsv"},
			"a.csv":             {"a.csv"},
			"linked/*":          nil,
			".git/*":            nil,
			"absent/*":          nil,
		} {
			got, err := d.Glob(pattern, 0)
			require.NoError(t, err, pattern)
			require.Equal(t, want, got, pattern)
		}
		for pattern, want := range map[string]int{"*.csv": 2, "in/*.csv": 0, "linked/*": 1, "absent/*": 0, "/": 0} {
			require.Len(t, d.Refused(pattern, 10), want, pattern)
		}
		require.Len(t, d.Refused("*.csv", 1), 1)
		require.EqualError(t, d.Refused("linked/*", 10)[0], `"linked" refused: symbolic link: links are never followed; copy the file here, or mount its folder`)
		_, err := d.Glob("**/*.csv", 3)
		var limit *LimitError
		require.ErrorAs(t, err, &limit)
		for _, bad := range []string{"", "/etc/*", "../*", "a/../*", "[", strings.Repeat("{a,b}", 7), strings.Repeat("*", 513)} {
			_, err := d.Glob(bad, 0)
			requireRefused(t, err, BadName)
		}
	})
}

func TestGlobDepth(t *testing.T) {
	openBoth(t, func(t *testing.T, d *Dir, root string) {
		for depth := range 20 {
			write(t, filepath.Join(root, strings.Repeat("d/", depth), fmt.Sprintf("f%02d", depth)), "x")
		}
		got, err := d.Glob("**/f*", 0)
		require.NoError(t, err)
		require.Len(t, got, maxDepth+1)
	})
}
